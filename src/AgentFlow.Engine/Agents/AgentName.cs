namespace AgentFlow.Engine.Agents;

/// <summary>What names of agents and of their capabilities look like.</summary>
public static class AgentName
{
    public const int MaxLength = 200;

    /// <summary>Most capabilities of one agent.</summary>
    public const int MaxCapabilities = 500;

    /// <summary>Says what is wrong with a name; <see langword="null"/> when nothing is.</summary>
    public static string? Problem(string name) =>
        name.Length is 0 or > MaxLength ? $"a name has 1 to {MaxLength} characters"
        : char.IsWhiteSpace(name[0]) || char.IsWhiteSpace(name[^1]) ? "a name neither begins nor ends with white space"
        : name.Contains('/', StringComparison.Ordinal) ? "a name holds no '/'"
        : Unprintable(name) ? "a name holds no control characters"
        : null;

    /// <summary>Says what is wrong with the name of a capability; <see langword="null"/> when nothing is.</summary>
    public static string? CapabilityProblem(string capability) =>
        capability.Length is 0 or > MaxLength ? $"a capability has 1 to {MaxLength} characters"
        : capability.Any(char.IsWhiteSpace) || Unprintable(capability) ? $"a capability holds no white space, such as in doc.read"
        : null;

    private static bool Unprintable(string text) => text.Any(char.IsControl) || text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF') && text.EnumerateRunes().Any(r => r.Value == 0xFFFD);
}
