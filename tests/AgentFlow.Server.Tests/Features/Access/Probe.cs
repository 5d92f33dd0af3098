namespace AgentFlow.Server.Tests.Features.Access;

/// <summary>One way to ask for something of another tenant, and the same way to ask for something that there is not.</summary>
/// <param name="Route">Method and pattern, as they are mapped.</param>
/// <param name="Foreign">What names the other tenant's thing.</param>
/// <param name="Missing">What names nothing, of the same shape.</param>
/// <param name="Path">The address; {0} stands for one of the two.</param>
/// <param name="Body">JSON with {0}, or <see langword="null"/>.</param>
internal sealed record Probe(string Route, string Foreign, string Missing, string Path, string? Body = null)
{
    /// <summary>Headers whose values may hold {0}.</summary>
    public (string Name, string Value)[] Headers { get; init; } = [];

    /// <summary>Ids and times that the answer makes up anew: patterns, each with what they are replaced by.</summary>
    public (string Pattern, string Instead)[] New { get; init; } = [];

    /// <summary>The media type of the body.</summary>
    public string Type { get; init; } = "application/json";

    public override string ToString() => $"{Route} {Path} {Body} {string.Join(' ', Headers)}";
}
