using System.Text.Json.Serialization;
using AgentFlow.Contracts.Json;

namespace AgentFlow.Contracts.Tools;

/// <summary>What a change asks of the version, or what a version declares. Ordered: the greater one covers the lesser ones.</summary>
[JsonConverter(typeof(WireEnumConverter<ChangeLevel>))]
public enum ChangeLevel
{
    [JsonStringEnumMemberName("NONE")]
    None,

    /// <summary>Nobody can be affected: fixes, speed, docs.</summary>
    [JsonStringEnumMemberName("PATCH")]
    Patch,

    /// <summary>More is possible than before; everything that worked still does.</summary>
    [JsonStringEnumMemberName("MINOR")]
    Minor,

    /// <summary>Something that worked may fail or mean something else.</summary>
    [JsonStringEnumMemberName("MAJOR")]
    Major,
}

public static class ChangeLevels
{
    /// <summary>The wire word, for example <c>MAJOR</c>.</summary>
    public static string Word(this ChangeLevel level) => level.ToString().ToUpperInvariant();

    /// <summary>
    /// What the step from one version to another declares. A pre-release promises nothing yet, so that any change may
    /// follow before its release. <see langword="null"/> when the version goes backwards.
    /// </summary>
    public static ChangeLevel? Declared(SemanticVersion from, SemanticVersion to)
    {
        ArgumentNullException.ThrowIfNull(from);
        ArgumentNullException.ThrowIfNull(to);
        if (to < from) return null;
        if (to == from) return ChangeLevel.None;
        if (from.PreRelease.Length > 0 && (from.Major, from.Minor, from.Patch) == (to.Major, to.Minor, to.Patch)) return ChangeLevel.Major;
        return to.Major > from.Major ? ChangeLevel.Major : to.Minor > from.Minor ? ChangeLevel.Minor : ChangeLevel.Patch;
    }
}
