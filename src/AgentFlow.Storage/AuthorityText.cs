using System.Globalization;
using AgentFlow.Engine.Access;

namespace AgentFlow.Storage;

/// <summary>What runs may do, as three texts: names of permissions, patterns of tools, and what may be started.</summary>
internal static class AuthorityText
{
    // No pattern has a control character: the most that a run may cost and the patterns stand between tabs, a line for each role.
    private const char Field = '\t';
    private const char Line = '\n';
    private const string Everything = "*";

    public static (string Permissions, string? Tools, string? Starts) Of(RunAuthority authority) => (
        string.Join(' ', authority.Permissions.Names),
        authority.AllowedTools is { } tools ? string.Join(' ', tools.Patterns) : null,
        authority.Starts is { } starts ? string.Join(Line, starts.Roles.Select(Text)) : null);

    public static RunAuthority Read(string permissions, string? tools, string? starts) => new(
        PermissionSet.Parse(permissions.Split(' ', StringSplitOptions.RemoveEmptyEntries)),
        tools is null ? null : new NamePatterns(tools.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
    {
        Starts = starts is null ? null : new StartLimits([.. starts.Split(Line, StringSplitOptions.RemoveEmptyEntries).Select(Start)]),
    };

    private static string Text(RolePolicies start) => string.Join(
        Field,
        (string[])[start.MaxRunNanoDollars?.ToString(CultureInfo.InvariantCulture) ?? "-", .. start.Workflows?.Patterns ?? [Everything]]);

    private static RolePolicies Start(string line)
    {
        string[] fields = line.Split(Field);
        return new RolePolicies
        {
            MaxRunNanoDollars = fields[0] == "-" ? null : long.Parse(fields[0], CultureInfo.InvariantCulture),
            Workflows = fields is [_, Everything] ? null : new NamePatterns(fields[1..]),
        };
    }
}
