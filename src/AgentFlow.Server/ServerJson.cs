using System.Text.Json;
using System.Text.Json.Serialization;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Json;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Access.Quotas;
using AgentFlow.Server.Features.Access.Tokens;
using AgentFlow.Server.Features.Agents;
using AgentFlow.Server.Features.Audit;
using AgentFlow.Server.Features.Bridge;
using AgentFlow.Server.Features.Config;
using AgentFlow.Server.Features.Coordination;
using AgentFlow.Server.Features.Costs;
using AgentFlow.Server.Features.Health;
using AgentFlow.Server.Features.HumanTasks;
using AgentFlow.Server.Features.Monitoring;
using AgentFlow.Server.Features.Runs;
using AgentFlow.Server.Features.Secrets;
using AgentFlow.Server.Features.StressTests;
using AgentFlow.Server.Features.StressTests.Results;
using AgentFlow.Server.Features.Tools;
using AgentFlow.Server.Features.Triggers;
using AgentFlow.Server.Features.Workflows;
using AgentFlow.Server.Http;

namespace AgentFlow.Server;

/// <summary>What the HTTP API answers, as JSON: snake_case names, members without a value left out, times in RFC 3339.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(Rfc3339Converter)])]
[JsonSerializable(typeof(ScheduleView))]
[JsonSerializable(typeof(PageView<ScheduleView>))]
[JsonSerializable(typeof(AcceptedDelivery))]
[JsonSerializable(typeof(HumanTaskView))]
[JsonSerializable(typeof(PageView<HumanTaskView>))]
[JsonSerializable(typeof(RunView))]
[JsonSerializable(typeof(PageView<RunView>))]
[JsonSerializable(typeof(PlanView))]
[JsonSerializable(typeof(SagaView))]
[JsonSerializable(typeof(EstimateView))]
[JsonSerializable(typeof(ExplanationView))]
[JsonSerializable(typeof(AcceptedView))]
[JsonSerializable(typeof(PlanModifiedView))]
[JsonSerializable(typeof(JobView))]
[JsonSerializable(typeof(WorkflowView))]
[JsonSerializable(typeof(PageView<WorkflowView>))]
[JsonSerializable(typeof(PageView<SemaphoreView>))]
[JsonSerializable(typeof(PageView<BarrierView>))]
[JsonSerializable(typeof(ToolView))]
[JsonSerializable(typeof(PageView<ToolView>))]
[JsonSerializable(typeof(PageView<AuditRecordView>))]
[JsonSerializable(typeof(PageView<AuditCheckpointView>))]
[JsonSerializable(typeof(AuditReportView))]
[JsonSerializable(typeof(RegisteredAgentView))]
[JsonSerializable(typeof(PageView<RegisteredAgentView>))]
[JsonSerializable(typeof(AgentStatsView))]
[JsonSerializable(typeof(ImportView))]
[JsonSerializable(typeof(MetricView))]
[JsonSerializable(typeof(PageView<MetricView>))]
[JsonSerializable(typeof(RecordedView))]
[JsonSerializable(typeof(AggregateView))]
[JsonSerializable(typeof(AgentMetricsView))]
[JsonSerializable(typeof(HookEventView))]
[JsonSerializable(typeof(HookDetails))]
[JsonSerializable(typeof(IngestedView))]
[JsonSerializable(typeof(PageView<AgentAuditView>))]
[JsonSerializable(typeof(AgentAuditStatsView))]
[JsonSerializable(typeof(SettingView))]
[JsonSerializable(typeof(PageView<SettingView>))]
[JsonSerializable(typeof(PageView<ConfigVersionView>))]
[JsonSerializable(typeof(ConfigNowView))]
[JsonSerializable(typeof(QuotasView))]
[JsonSerializable(typeof(SigningKeyView))]
[JsonSerializable(typeof(PageView<SigningKeyView>))]
[JsonSerializable(typeof(RotatedKeysView))]
[JsonSerializable(typeof(SecretView))]
[JsonSerializable(typeof(PageView<SecretView>))]
[JsonSerializable(typeof(DispatchedView))]
[JsonSerializable(typeof(TaskView))]
[JsonSerializable(typeof(PageView<TaskView>))]
[JsonSerializable(typeof(AgentListView))]
[JsonSerializable(typeof(SubscriptionView))]
[JsonSerializable(typeof(PageView<SubscriptionView>))]
[JsonSerializable(typeof(HealthView))]
[JsonSerializable(typeof(BridgeHealthView))]
[JsonSerializable(typeof(AlertMessage))]
[JsonSerializable(typeof(PageView<AlertView>))]
[JsonSerializable(typeof(PageView<AlertEventView>))]
[JsonSerializable(typeof(AlertRuleView))]
[JsonSerializable(typeof(PageView<AlertRuleView>))]
[JsonSerializable(typeof(AlertSilenceView))]
[JsonSerializable(typeof(PageView<AlertSilenceView>))]
[JsonSerializable(typeof(PageView<EndpointLatencyView>))]
[JsonSerializable(typeof(WhoAmIView))]
[JsonSerializable(typeof(UserView))]
[JsonSerializable(typeof(PageView<UserView>))]
[JsonSerializable(typeof(RoleView))]
[JsonSerializable(typeof(PageView<RoleView>))]
[JsonSerializable(typeof(KeyView))]
[JsonSerializable(typeof(CreatedKeyView))]
[JsonSerializable(typeof(PageView<KeyView>))]
[JsonSerializable(typeof(TenantView))]
[JsonSerializable(typeof(CreatedTenantView))]
[JsonSerializable(typeof(PageView<TenantView>))]
[JsonSerializable(typeof(TokenView))]
[JsonSerializable(typeof(JwksView))]
[JsonSerializable(typeof(FleetView))]
[JsonSerializable(typeof(ScenarioQueuedView))]
[JsonSerializable(typeof(WorkflowQueuedView))]
[JsonSerializable(typeof(ScenarioResultView))]
[JsonSerializable(typeof(WorkflowResultView))]
[JsonSerializable(typeof(DashboardView))]
[JsonSerializable(typeof(TimeseriesView))]
[JsonSerializable(typeof(AgentsSummaryView))]
[JsonSerializable(typeof(ActiveWorkflowsView))]
[JsonSerializable(typeof(PendingApprovalsView))]
[JsonSerializable(typeof(Dictionary<string, string>))]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class ServerJson : JsonSerializerContext;
