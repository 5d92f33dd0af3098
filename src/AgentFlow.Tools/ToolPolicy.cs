using AgentFlow.Engine.Access;

namespace AgentFlow.Tools;

/// <summary>
/// What tools may do, as a host or a workflow states it. The default grants nothing beyond tools that need <c>none</c>.
/// Policies only narrow each other: a tool runs under the strictest of all that apply.
/// </summary>
public sealed record ToolPolicy
{
    /// <summary>Grants whatever contracts ask for, with the default limits: for hosts that decide by workflow and agent.</summary>
    public static ToolPolicy GrantAll { get; } = new() { Permissions = Grant.ToolFamilies };

    /// <summary>Granted permissions, whole families included (<c>network.*</c>). Default: only <c>none</c>.</summary>
    public IReadOnlyList<string> Permissions { get; init; } = [Grant.None];

    /// <summary>
    /// Hosts that tools may reach: <c>api.example.com</c>, <c>*.example.com</c> (its subdomains) or an address, each with an optional
    /// <c>:port</c>. Default <see langword="null"/>: every host whose address is public; an empty list allows none.
    /// It never opens a private address: only the host's own allow list does.
    /// </summary>
    public IReadOnlyList<string>? AllowedHosts { get; init; }

    /// <summary>Upper bound of one attempt, whatever its input asks for. Default 300 s.</summary>
    public TimeSpan TimeLimit { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Upper bound of what one call may read from outside, after decompression. Default 1 MiB.</summary>
    public long MaxResponseBytes { get; init; } = 1 << 20;

    /// <summary>Upper bound of the working memory of one call. Default 64 MiB.</summary>
    public long MaxMemoryBytes { get; init; } = 64 << 20;
}
