using AgentFlow.Engine.Access;

namespace AgentFlow.Storage;

/// <summary>What runs may do, as two texts: names of permissions, and patterns of tools.</summary>
internal static class AuthorityText
{
    public static (string Permissions, string? Tools) Of(RunAuthority authority) =>
        (string.Join(' ', authority.Permissions.Names), authority.AllowedTools is { } tools ? string.Join(' ', tools.Patterns) : null);

    public static RunAuthority Read(string permissions, string? tools) => new(
        PermissionSet.Parse(permissions.Split(' ', StringSplitOptions.RemoveEmptyEntries)),
        tools is null ? null : new NamePatterns(tools.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
}
