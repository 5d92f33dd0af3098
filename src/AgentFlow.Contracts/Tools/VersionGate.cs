namespace AgentFlow.Contracts.Tools;

/// <summary>How exactly an offered version has to be the wanted one.</summary>
public enum VersionMatch
{
    /// <summary>The same major version and at least the wanted minor version; the patch does not matter.</summary>
    Compatible,

    /// <summary>The very same version.</summary>
    Strict,
}

/// <summary>Decides whether a contract of one version may serve a caller that was written against another.</summary>
public static class VersionGate
{
    /// <summary>
    /// Whether <paramref name="offered"/> may stand in for <paramref name="wanted"/>. A pre-release promises nothing, so
    /// outside of <see cref="VersionMatch.Strict"/> it serves only those who want a pre-release of the same version, this one
    /// or an earlier one.
    /// </summary>
    public static bool Allows(SemanticVersion wanted, SemanticVersion offered, VersionMatch match = VersionMatch.Compatible)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        ArgumentNullException.ThrowIfNull(offered);
        if (match == VersionMatch.Strict) return wanted == offered;
        if (offered.PreRelease.Length > 0)
        {
            return wanted.PreRelease.Length > 0
                && (wanted.Major, wanted.Minor, wanted.Patch) == (offered.Major, offered.Minor, offered.Patch)
                && offered >= wanted;
        }

        return offered.Major == wanted.Major && offered.Minor >= wanted.Minor;
    }
}
