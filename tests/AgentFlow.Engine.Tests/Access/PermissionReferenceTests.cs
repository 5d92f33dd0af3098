using AgentFlow.Engine.Access;

namespace AgentFlow.Engine.Tests.Access;

/// <summary>docs/reference/permissions.md lists the permissions and roles that there are.</summary>
public class PermissionReferenceTests
{
    [Fact]
    public void Reference_Permissions_AreAllThere() => Assert.Equal(
        Permission.All.Select(p => $"| `{p.Name}` | {p.Meaning} |"),
        Lines("## What callers may do", "## Roles").Where(l => l.StartsWith("| `", StringComparison.Ordinal)));

    [Fact]
    public void Reference_Roles_AreAllThere() => Assert.Equal(
        BuiltInRoles.All.Select(r => $"| `{r.Name}` | {r.Description} | {string.Join(' ', r.Permissions.Names.Select(n => $"`{n}`"))} |"),
        Lines("## Roles", "## Roles of your own").Where(l => l.StartsWith("| `", StringComparison.Ordinal)));

    private static IEnumerable<string> Lines(string from, string to)
    {
        string? folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder!, "AgentFlow.slnx")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return File.ReadLines(Path.Combine(folder!, "docs", "reference", "permissions.md")).SkipWhile(l => l != from).TakeWhile(l => l != to);
    }
}
