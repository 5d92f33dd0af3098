using System.Security.Cryptography;
using System.Text;
using AgentFlow.Client;
using AgentFlow.Contracts.Tools;

namespace AgentFlow.Cli.Workflows;

/// <summary>Versions for content that has none of its own: a registered version never changes, but files under work do.</summary>
internal static class WorkflowVersions
{
    private const int HashDigits = 8;

    /// <summary>
    /// A version for changed content under a version that exists: the same content always gets the same one, and it ranks
    /// below every usual one of its number, so that nobody gets it who asks for the newest.
    /// </summary>
    public static string Local(string version, WorkflowUpload content) =>
        $"{Core(SemanticVersion.Parse(version))}-0.local.{Hash(content)[..HashDigits]}";

    /// <summary>A version for changed content that shall be the newest one until the author raises the number.</summary>
    public static string Development(string version, DateTimeOffset now)
    {
        SemanticVersion parsed = SemanticVersion.Parse(version);
        return parsed.PreRelease.Length > 0
            ? $"{Core(parsed)}-{parsed.PreRelease}.dev.{now.ToUnixTimeSeconds()}"
            : $"{parsed.Major}.{parsed.Minor}.{parsed.Patch + 1}-dev.{now.ToUnixTimeSeconds()}";
    }

    /// <summary>Equal for equal files and assets, and only for those.</summary>
    public static string Hash(WorkflowUpload content)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(SHA256.HashData(Encoding.UTF8.GetBytes(content.Yaml)));
        foreach ((string path, ReadOnlyMemory<byte> bytes) in content.Assets.OrderBy(a => a.Key, StringComparer.Ordinal))
        {
            hash.AppendData(SHA256.HashData(Encoding.UTF8.GetBytes(path)));
            hash.AppendData(SHA256.HashData(bytes.Span));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string Core(SemanticVersion version) => $"{version.Major}.{version.Minor}.{version.Patch}";
}
