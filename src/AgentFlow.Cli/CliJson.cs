using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using AgentFlow.Cli.Agents;
using AgentFlow.Cli.Chaos;
using AgentFlow.Cli.Clusters;
using AgentFlow.Cli.Execution;
using AgentFlow.Cli.Load;
using AgentFlow.Cli.Logins;
using AgentFlow.Cli.Scenarios;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Simulations;
using AgentFlow.Cli.Templates;
using AgentFlow.Cli.Workflows;
using AgentFlow.Client;

namespace AgentFlow.Cli;

/// <summary>What <c>-o json</c> prints, named as the HTTP API names it.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, MaxDepth = 256, UseStringEnumConverter = true)]
[JsonSerializable(typeof(VersionInfo))]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(RowResult))]
[JsonSerializable(typeof(Run))]
[JsonSerializable(typeof(Saga))]
[JsonSerializable(typeof(Explanation))]
[JsonSerializable(typeof(WorkflowChart))]
[JsonSerializable(typeof(Tool))]
[JsonSerializable(typeof(Identity))]
[JsonSerializable(typeof(User))]
[JsonSerializable(typeof(Role))]
[JsonSerializable(typeof(ApiKey))]
[JsonSerializable(typeof(CreatedApiKey))]
[JsonSerializable(typeof(TenantInfo))]
[JsonSerializable(typeof(TenantQuotas))]
[JsonSerializable(typeof(SigningKey))]
[JsonSerializable(typeof(RotatedKeys))]
[JsonSerializable(typeof(Login))]
[JsonSerializable(typeof(LoggedIn))]
[JsonSerializable(typeof(CreatedTenant))]
[JsonSerializable(typeof(Agent))]
[JsonSerializable(typeof(AgentStats))]
[JsonSerializable(typeof(ImportReport))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
[JsonSerializable(typeof(AuditEntry))]
[JsonSerializable(typeof(AuditCheckpoint))]
[JsonSerializable(typeof(AuditVerification))]
[JsonSerializable(typeof(ConfigSetting))]
[JsonSerializable(typeof(ConfigVersion))]
[JsonSerializable(typeof(Alert))]
[JsonSerializable(typeof(AlertEvent))]
[JsonSerializable(typeof(AlertRule))]
[JsonSerializable(typeof(AlertSilence))]
[JsonSerializable(typeof(HumanTask))]
[JsonSerializable(typeof(SharedSemaphore))]
[JsonSerializable(typeof(SharedBarrier))]
[JsonSerializable(typeof(Schedule))]
[JsonSerializable(typeof(LoadReport))]
[JsonSerializable(typeof(Secret))]
[JsonSerializable(typeof(RemoteAgent))]
[JsonSerializable(typeof(DispatchedTask))]
[JsonSerializable(typeof(RemoteTask))]
[JsonSerializable(typeof(EventSubscription))]
[JsonSerializable(typeof(ServingAt))]
[JsonSerializable(typeof(ValidatedFile))]
[JsonSerializable(typeof(WrittenTemplate))]
[JsonSerializable(typeof(SimulatedWorld))]
[JsonSerializable(typeof(ScenarioResult))]
[JsonSerializable(typeof(SimulatedRuns))]
[JsonSerializable(typeof(ChaosReport))]
[JsonSerializable(typeof(ChaosPlan))]
[JsonSerializable(typeof(IReadOnlyList<ClusterProcess>))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class CliJson : JsonSerializerContext;
