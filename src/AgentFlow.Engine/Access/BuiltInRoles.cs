using System.Collections.Frozen;

namespace AgentFlow.Engine.Access;

/// <summary>The roles that every tenant has.</summary>
public static class BuiltInRoles
{
    public const string Admin = "admin";
    public const string Platform = "platform";

    private const string Read = "workflows.read runs.read tools.read agents.read activity.read alerts.read bridge.read tasks.read";
    private const string Own = "keys.own";
    private const string Operate = $"{Read} {Own} plans.make workflows.execute runs.control runs.signal runs.resolve agents.report alerts.write bridge.write tasks.work";
    private const string EveryTool = "network.* fs.* db.* k8s.*";

    /// <summary>In alphabetical order.</summary>
    public static IReadOnlyList<Role> All { get; } =
    [
        Define(Admin, "Everything in its own tenant", [.. PermissionSet.Everything.Except(PermissionSet.Of(Permission.TenantsRead, Permission.TenantsWrite, Permission.DeploymentRead)).Names]),
        Define("agent", "An agent that works through the API with a key of its own", $"{Read} plans.make workflows.execute runs.signal agents.report network.* fs.tmp"),
        Define("analyst", "Reads everything that happened, and runs what only reads", $"{Read} {Own} plans.make audit.read workflows.execute network.http db.read fs.read fs.tmp"),
        Define("approver", "Answers for steps and runs that wait for a person", $"{Read} {Own} runs.signal runs.resolve tasks.work"),
        Define("auditor", "Reads everything and changes nothing", $"{Read} {Own} audit.read access.read config.read secrets.read"),
        Define("backend", "Builds and runs workflows of services", $"{Operate} workflows.write network.* fs.* db.*"),
        Define("coordinator", "Starts and steers the work of others", $"{Operate} agents.write tasks.manage network.http"),
        Define("database", "Builds and runs workflows on databases", $"{Operate} workflows.write db.* fs.*"),
        Define("developer", "Builds, runs and steers workflows", $"{Operate} workflows.write agents.write config.read secrets.read {EveryTool}"),
        Define("frontend", "Builds and runs workflows of user interfaces", $"{Operate} workflows.write network.http fs.*"),
        Define("operator", "Runs and steers workflows", $"{Operate} agents.write tasks.manage config.read {EveryTool}"),
        Define(Platform, "Creates and disables tenants, sees how the deployment does, and nothing in them", "tenants.read tenants.write deployment.read"),
        Define("reviewer", "Reads workflows and runs, and answers for steps that ask", $"{Read} {Own} runs.resolve tasks.work audit.read"),
        Define("security", "Sees who may do what and who did it, and can stop runs", $"{Read} {Own} runs.control audit.read access.read access.write config.read secrets.read secrets.write"),
        Define("tester", "Runs workflows without changing anything outside", $"{Operate} network.http db.read fs.read fs.tmp"),
        Define("viewer", "Reads workflows, runs and tools", $"{Read} {Own}"),
    ];

    private static readonly FrozenDictionary<string, Role> ByName = All.ToFrozenDictionary(r => r.Name, StringComparer.Ordinal);

    public static Role? Find(string name) => ByName.GetValueOrDefault(name);

    private static Role Define(string name, string description, string grants) => Define(name, description, grants.Split(' '));

    private static Role Define(string name, string description, string[] grants) => Array.Find(grants, g => Grant.Problem(g) is not null) is { } unknown
        ? throw new ArgumentException($"Role {name} grants '{unknown}', which is no permission.", nameof(grants))
        : new Role(name, description, PermissionSet.Parse(grants)) { IsBuiltIn = true };
}
