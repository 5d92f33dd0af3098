using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentFlow.Client;

/// <summary>
/// The client's side of the wire. Members that this version does not know are ignored, so that a newer server can be
/// talked to.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    MaxDepth = 256)]
[JsonSerializable(typeof(Workflow))]
[JsonSerializable(typeof(Page<Workflow>))]
[JsonSerializable(typeof(Run))]
[JsonSerializable(typeof(Page<Run>))]
[JsonSerializable(typeof(Page<Tool>))]
[JsonSerializable(typeof(Page<JsonElement>))]
[JsonSerializable(typeof(Page<AuditEntry>))]
[JsonSerializable(typeof(Page<AuditCheckpoint>))]
[JsonSerializable(typeof(AuditVerification))]
[JsonSerializable(typeof(Agent))]
[JsonSerializable(typeof(Page<Agent>))]
[JsonSerializable(typeof(AgentContent))]
[JsonSerializable(typeof(AgentImportBody))]
[JsonSerializable(typeof(AgentImport))]
[JsonSerializable(typeof(AgentStats))]
[JsonSerializable(typeof(MetricsBody))]
[JsonSerializable(typeof(Page<MetricGroup>))]
[JsonSerializable(typeof(Secret))]
[JsonSerializable(typeof(Page<Secret>))]
[JsonSerializable(typeof(SecretValues))]
[JsonSerializable(typeof(ConfigSetting))]
[JsonSerializable(typeof(Page<ConfigSetting>))]
[JsonSerializable(typeof(Page<ConfigVersion>))]
[JsonSerializable(typeof(ConfigSetBody))]
[JsonSerializable(typeof(ConfigVersionBody))]
[JsonSerializable(typeof(Page<Alert>))]
[JsonSerializable(typeof(Page<AlertEvent>))]
[JsonSerializable(typeof(AlertRule))]
[JsonSerializable(typeof(Page<AlertRule>))]
[JsonSerializable(typeof(SaveAlertRuleBody))]
[JsonSerializable(typeof(AlertSilence))]
[JsonSerializable(typeof(Page<AlertSilence>))]
[JsonSerializable(typeof(SilenceAlertsBody))]
[JsonSerializable(typeof(Page<SharedSemaphore>))]
[JsonSerializable(typeof(Page<SharedBarrier>))]
[JsonSerializable(typeof(Schedule))]
[JsonSerializable(typeof(Page<Schedule>))]
[JsonSerializable(typeof(HumanTask))]
[JsonSerializable(typeof(Page<HumanTask>))]
[JsonSerializable(typeof(TaskAssignee))]
[JsonSerializable(typeof(CompleteTaskBody))]
[JsonSerializable(typeof(RemoteAgentList))]
[JsonSerializable(typeof(TaskRequest))]
[JsonSerializable(typeof(DispatchedTask))]
[JsonSerializable(typeof(RemoteTask))]
[JsonSerializable(typeof(Page<RemoteTask>))]
[JsonSerializable(typeof(ReplayTaskBody))]
[JsonSerializable(typeof(NewEventSubscription))]
[JsonSerializable(typeof(EventSubscription))]
[JsonSerializable(typeof(Page<EventSubscription>))]
[JsonSerializable(typeof(ExecuteBody))]
[JsonSerializable(typeof(AcceptedBody))]
[JsonSerializable(typeof(WorkflowBody))]
[JsonSerializable(typeof(CancelBody))]
[JsonSerializable(typeof(EmptyBody))]
[JsonSerializable(typeof(SignalBody))]
[JsonSerializable(typeof(ResolveBody))]
[JsonSerializable(typeof(ModifyPlanBody))]
[JsonSerializable(typeof(Saga))]
[JsonSerializable(typeof(Explanation))]
[JsonSerializable(typeof(Identity))]
[JsonSerializable(typeof(User))]
[JsonSerializable(typeof(Page<User>))]
[JsonSerializable(typeof(NewUser))]
[JsonSerializable(typeof(UserRolesBody))]
[JsonSerializable(typeof(UserPasswordBody))]
[JsonSerializable(typeof(Role))]
[JsonSerializable(typeof(Page<Role>))]
[JsonSerializable(typeof(SaveRoleBody))]
[JsonSerializable(typeof(NewApiKey))]
[JsonSerializable(typeof(CreatedApiKey))]
[JsonSerializable(typeof(Page<ApiKey>))]
[JsonSerializable(typeof(NewTenant))]
[JsonSerializable(typeof(CreatedTenant))]
[JsonSerializable(typeof(Page<TenantInfo>))]
[JsonSerializable(typeof(TenantQuotas))]
[JsonSerializable(typeof(TokenRequestBody))]
[JsonSerializable(typeof(TokenPair))]
[JsonSerializable(typeof(RevokeTokenBody))]
[JsonSerializable(typeof(SigningKey))]
[JsonSerializable(typeof(Page<SigningKey>))]
[JsonSerializable(typeof(RotatedKeys))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, string>))]
internal sealed partial class ClientJson : JsonSerializerContext;

internal sealed record ExecuteBody(JsonElement Input, string? Version, string? TraceId);

internal sealed record AcceptedBody(string RunId, string? TraceId);

internal sealed record WorkflowBody(string Yaml, string Path, IReadOnlyDictionary<string, byte[]> Assets);

internal sealed record CancelBody(string? Reason);

internal sealed record ResolveBody(string Resolution, JsonElement? Output);

internal sealed record ModifyPlanBody(string Changes, string? Reason, int? Revision);

internal sealed record EmptyBody;

internal sealed record CompleteTaskBody(JsonElement Answer);

internal sealed record AgentImportBody(IReadOnlyList<AgentContent> Agents);

internal sealed record MetricsBody(IReadOnlyList<AgentMetric> Metrics);

internal sealed record ConfigSetBody(string? Value, string? Workflow);

internal sealed record ConfigVersionBody(long Version);

internal sealed record SilenceAlertsBody(string? Rule, string? Resource, double Seconds, string? Reason);

internal sealed record SaveAlertRuleBody(
    string Signal,
    string? Target,
    double? Warn,
    double? Critical,
    double? ForSeconds,
    double? ClearAfterSeconds,
    int? MinRequests,
    IReadOnlyList<string>? Notify,
    IReadOnlyList<string>? Escalate,
    double? EscalateAfterSeconds,
    bool? Enabled);

internal sealed record SignalBody(string Name, JsonElement? Payload, string? Id);

internal sealed record UserRolesBody(IReadOnlyList<string> Roles);

internal sealed record UserPasswordBody(string Password);

internal sealed record SaveRoleBody(string Description, IReadOnlyList<string> Permissions, IReadOnlyList<string>? AllowedTools, IReadOnlyList<string>? Workflows, decimal? MaxRunCostDollars);
