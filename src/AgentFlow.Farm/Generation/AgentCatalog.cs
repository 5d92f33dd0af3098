namespace AgentFlow.Farm.Generation;

/// <param name="Share">Percent of a fleet; 0 for a kind that fleets do not hold.</param>
/// <param name="ToolGroups">Groups of <see cref="AgentCatalog.Tools"/> that its tools come from.</param>
/// <param name="Reliability">Weights of <see cref="AgentCatalog.Reliabilities"/>, in that order.</param>
/// <param name="ContextWindows">Sizes in tokens that it may have.</param>
public sealed record AgentKind(string Name, int Share, IReadOnlyList<string> Capabilities, IReadOnlyList<string> ToolGroups, int[] Reliability, IReadOnlyList<int> ContextWindows);

/// <param name="SuccessRate">Share of calls that succeed.</param>
public sealed record ReliabilityProfile(string Name, decimal SuccessRate, int MeanLatencyMs, decimal TimeoutRate, decimal CrashProbability);

/// <param name="PerInvocation">Dollars.</param>
/// <param name="PerToken">Dollars.</param>
/// <param name="MonthlyCap">Dollars; <see langword="null"/>: none.</param>
public sealed record CostTier(string Name, decimal PerInvocation, decimal PerToken, decimal? MonthlyCap, int Weight);

/// <param name="ApprovalAbove">Dollars above which somebody must approve.</param>
public sealed record PolicyTemplate(string Name, int MaxConcurrent, decimal ApprovalAbove, bool AuditAll, IReadOnlyList<string> DataAccess, IReadOnlyList<string> RequiresApproval, int RequestsPerMinute, int Weight);

/// <summary>What agents are made of. Part of the generator: a change here changes what seeds give, and needs new golden files.</summary>
public static class AgentCatalog
{
    /// <summary>Kinds in the order of the fleet. Each kind's first agent is <c>rock_solid</c>: somebody must carry what nobody may repeat.</summary>
    public static IReadOnlyList<AgentKind> Kinds { get; } =
    [
        new("planner", 10, ["task_decomposition", "delegation", "priority_ranking", "dependency_analysis", "resource_estimation"], ["ai", "business"], [50, 40, 10, 0], [32_000, 128_000, 200_000]),
        new("worker", 50, ["task_execution", "tool_invocation", "result_formatting", "error_recovery", "progress_reporting"], ["data", "code", "communication", "rpa", "infrastructure"], [20, 45, 25, 10], [8_000, 16_000, 32_000]),
        new("specialist", 20, ["domain_expertise", "deep_analysis", "recommendation", "validation", "optimization"], ["ai", "data", "business", "security"], [25, 50, 20, 5], [32_000, 128_000]),
        new("reviewer", 15, ["quality_check", "compliance_verify", "diff_analysis", "feedback_generation", "approval_recommendation"], ["code", "security", "ai"], [30, 55, 15, 0], [16_000, 32_000, 128_000]),
        new("approver", 5, ["policy_enforcement", "risk_assessment", "final_decision", "escalation", "audit_trail"], ["security", "communication"], [70, 30, 0, 0], [8_000, 16_000]),
        new("coordinator", 0, ["conflict_resolution", "load_balancing", "state_management", "checkpoint_control", "rollback"], ["infrastructure", "communication"], [60, 40, 0, 0], [32_000, 128_000]),
    ];

    public static IReadOnlyList<ReliabilityProfile> Reliabilities { get; } =
    [
        new("rock_solid", 0.999m, 50, 0.001m, 0.0001m),
        new("reliable", 0.95m, 200, 0.02m, 0.005m),
        new("flaky", 0.80m, 500, 0.10m, 0.02m),
        new("unreliable", 0.60m, 2000, 0.25m, 0.05m),
    ];

    public static IReadOnlyList<CostTier> CostTiers { get; } =
    [
        new("free", 0m, 0m, null, 15),
        new("cheap", 0.0001m, 0.000001m, 10m, 30),
        new("standard", 0.001m, 0.00001m, 100m, 35),
        new("premium", 0.01m, 0.0001m, 1000m, 15),
        new("enterprise", 0.05m, 0.0005m, null, 5),
    ];

    public static IReadOnlyList<PolicyTemplate> Policies { get; } =
    [
        new("permissive", 100, 10_000m, false, ["public", "internal", "confidential"], [], 600, 15),
        new("standard", 10, 1_000m, false, ["public", "internal"], ["deployer", "cloud_provision"], 120, 50),
        new("restricted", 3, 100m, false, ["public"], ["deployer", "cloud_provision", "file_write", "stripe", "dns_update"], 30, 20),
        new("audit_heavy", 5, 0m, true, ["public", "internal"], ["deployer", "cloud_provision", "stripe", "quickbooks", "secret_fetch"], 60, 15),
    ];

    /// <summary>Tools by group.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<string>> Tools { get; } = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal)
    {
        ["communication"] = ["email", "slack", "teams", "sms", "calendar"],
        ["data"] = ["database_query", "file_read", "file_write", "api_fetch", "data_transform"],
        ["code"] = ["code_execute", "code_review", "test_runner", "linter", "deployer"],
        ["business"] = ["jira", "salesforce", "hubspot", "stripe", "quickbooks"],
        ["ai"] = ["llm_call", "embedding", "classifier", "summarizer", "translator"],
        ["infrastructure"] = ["cloud_provision", "container_deploy", "dns_update", "ssl_cert", "monitoring"],
        ["security"] = ["secret_fetch", "audit_log", "access_check", "encryption", "vulnerability_scan"],
        ["rpa"] = ["web_scrape", "form_fill", "screenshot", "click_action", "keyboard_input"],
    };

    /// <exception cref="KeyNotFoundException">No kind has this name.</exception>
    public static AgentKind Kind(string name) => Kinds.FirstOrDefault(k => k.Name == name) ?? throw new KeyNotFoundException($"no agent kind is called '{name}'.");
}
