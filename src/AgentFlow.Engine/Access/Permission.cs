using System.Collections.Frozen;

namespace AgentFlow.Engine.Access;

/// <summary>
/// One thing that somebody may do. The only list of permissions: endpoints declare them, roles and keys grant them, tools ask
/// for them and policies withhold them. Names are part of the public contract and are never renamed or given another meaning;
/// their numbers live in memory only.
/// </summary>
public sealed class Permission
{
    private static readonly List<Permission> Defined = [];

    // What callers ask of the API.
    public static readonly Permission WorkflowsRead = Define("workflows.read", "Read workflows, their versions and their source");
    public static readonly Permission WorkflowsWrite = Define("workflows.write", "Store workflow versions, and change the plans of runs");
    public static readonly Permission WorkflowsExecute = Define("workflows.execute", "Start runs");
    public static readonly Permission RunsRead = Define("runs.read", "Read runs, their plans, journals and streams");
    public static readonly Permission RunsControl = Define("runs.control", "Cancel, pause, resume and migrate runs");
    public static readonly Permission RunsSignal = Define("runs.signal", "Send signals to runs");
    public static readonly Permission RunsResolve = Define("runs.resolve", "Decide what became of a step that asks");
    public static readonly Permission TasksRead = Define("tasks.read", "Read tasks for people, approvals included");
    public static readonly Permission TasksWork = Define("tasks.work", "Claim and complete tasks for people that are for oneself, approvals included");
    public static readonly Permission TasksManage = Define("tasks.manage", "Reassign tasks for people, and work on those of others");
    public static readonly Permission ActivityRead = Define("activity.read", "Follow what happens in the tenant");
    public static readonly Permission AlertsRead = Define("alerts.read", "Read alerts, their rules and silences");
    public static readonly Permission AlertsWrite = Define("alerts.write", "Change alert rules and silence alerts");
    public static readonly Permission DeploymentRead = Define("deployment.read", "Read latencies and metrics of the whole deployment");
    public static readonly Permission ToolsRead = Define("tools.read", "Read the contracts of tools");
    public static readonly Permission PlansMake = Define("plans.make", "Plan for a goal; nothing is stored and nothing runs");
    public static readonly Permission AgentsRead = Define("agents.read", "Read agents and what was measured of them");
    public static readonly Permission AgentsWrite = Define("agents.write", "Add, change, import and remove agents");
    public static readonly Permission AgentsReport = Define("agents.report", "Say that agents work, and hand in their metrics and events");
    public static readonly Permission AuditRead = Define("audit.read", "Read, search, export and verify the audit");
    public static readonly Permission ConfigRead = Define("config.read", "Read settings and their history");
    public static readonly Permission ConfigWrite = Define("config.write", "Change and roll back settings");
    public static readonly Permission SecretsRead = Define("secrets.read", "List the names and the rotation of secrets, never their values");
    public static readonly Permission SecretsWrite = Define("secrets.write", "Set and rotate secrets");
    public static readonly Permission AccessRead = Define("access.read", "Read users, roles and API keys");
    public static readonly Permission AccessWrite = Define("access.write", "Create, change and disable users, roles and the API keys of others");
    public static readonly Permission KeysOwn = Define("keys.own", "Create and disable API keys of one's own");
    public static readonly Permission TenantsRead = Define("tenants.read", "List the tenants of the deployment, their quotas and the signing keys");
    public static readonly Permission TenantsWrite = Define("tenants.write", "Create, disable and enable tenants, set their quotas, rotate and retire signing keys");

    public static readonly Permission BridgeRead = Define("bridge.read", "Read remote agents, their tasks and events, and who is subscribed to them");
    public static readonly Permission BridgeWrite = Define("bridge.write", "Dispatch tasks to remote agents, replay dead letters, and subscribe to events");

    // What tools and agents do outside the run.
    public static readonly Permission NetworkHttp = DefineTool("network.http", "Speak HTTP with other hosts");
    public static readonly Permission NetworkSmtp = DefineTool("network.smtp", "Send mail");
    public static readonly Permission NetworkDns = DefineTool("network.dns", "Ask name servers");
    public static readonly Permission FileRead = DefineTool("fs.read", "Read files");
    public static readonly Permission FileTemporary = DefineTool("fs.tmp", "Read and write temporary files");
    public static readonly Permission DatabaseRead = DefineTool("db.read", "Read databases");
    public static readonly Permission DatabaseWrite = DefineTool("db.write", "Change databases");

    /// <summary>All of <c>k8s.NAME</c>; single names are open and have no number (<see cref="PermissionSet"/>).</summary>
    public static readonly Permission Kubernetes = DefineTool("k8s.*", "Use a Kubernetes cluster; also one verb of it, as k8s.NAME");

    private static readonly FrozenDictionary<string, Permission> ByName = Defined.ToFrozenDictionary(p => p.Name, StringComparer.Ordinal);

    private Permission(string name, string meaning, bool isTool, int number) => (Name, Meaning, IsTool, Bit) = (name, meaning, isTool, 1UL << number);

    /// <summary>Every permission, in the order of their numbers.</summary>
    public static IReadOnlyList<Permission> All => Defined;

    /// <summary>For example <c>runs.read</c>.</summary>
    public string Name { get; }

    /// <summary>What it lets its holder do, for readers.</summary>
    public string Meaning { get; }

    /// <summary>Whether tools ask for it, rather than callers of the API.</summary>
    public bool IsTool { get; }

    internal ulong Bit { get; }

    /// <summary>The part before the dot, with it.</summary>
    internal ReadOnlySpan<char> Family => Name.AsSpan(0, Name.IndexOf('.', StringComparison.Ordinal) + 1);

    /// <summary>The permission of a name; <see langword="null"/> when there is none.</summary>
    public static Permission? Find(string name) => ByName.GetValueOrDefault(name);

    public override string ToString() => Name;

    private static Permission Define(string name, string meaning) => Add(name, meaning, isTool: false);

    private static Permission DefineTool(string name, string meaning) => Add(name, meaning, isTool: true);

    private static Permission Add(string name, string meaning, bool isTool)
    {
        // A set is one machine word.
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(Defined.Count, 64);
        var permission = new Permission(name, meaning, isTool, Defined.Count);
        Defined.Add(permission);
        return permission;
    }
}
