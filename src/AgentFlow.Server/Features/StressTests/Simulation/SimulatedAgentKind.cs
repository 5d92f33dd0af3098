using System.Collections.Concurrent;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Features.StressTests.Chaos;
using AgentFlow.Server.Features.StressTests.Submissions;

namespace AgentFlow.Server.Features.StressTests.Simulation;

/// <summary>
/// Kind <c>simulated</c>: an agent of a stress test, as reliable and as dear as its fleet says. Settings: <c>agent_id</c>, <c>type</c>,
/// <c>success_rate</c>, <c>mean_latency_ms</c>, <c>per_invocation_nano</c>, <c>per_token_nano</c>, <c>context_tokens</c>, <c>max_tokens</c>
/// (of one task), <c>real_time</c>. It gives its tasks to <see cref="SimulatedTools.Work"/>.
/// </summary>
internal sealed class SimulatedAgentKind(IToolRegistry tools, SimulatedWorld world) : IAgentKind
{
    private const int MostKept = 1024;

    // Whole fleets are used again and again; their contracts, and the schemas that come with them, are compiled once.
    private readonly ConcurrentDictionary<string, SimulatedAgent> _compiled = new(StringComparer.Ordinal);

    public string Kind => "simulated";

    public IReadOnlyList<AgentProblem> Check(AgentDefinition agent, WorkflowAssets assets) =>
        agent.Settings.TryGetProperty("agent_id", out JsonElement id) && id.ValueKind == JsonValueKind.String
            ? []
            : [new AgentProblem("agent_id", "A simulated agent needs the id that it has in its fleet.", "Stress tests write such agents: POST /api/v1/stress-test/workflow.")];

    public ITool Compile(AgentDefinition agent, WorkflowAssets assets)
    {
        if (_compiled.Count >= MostKept)
        {
            _compiled.Clear();
        }

        return _compiled.GetOrAdd(agent.Id + agent.Settings.GetRawText(), _ => new SimulatedAgent(agent.Id, agent.Settings, tools, world));
    }

    /// <summary>An agent, for a workflow file.</summary>
    public static void Write(Utf8JsonWriter w, PlannedAgent agent, int maxTokens, bool isRealTime)
    {
        w.WriteStartObject();
        w.WriteString("kind"u8, "simulated"u8);
        if (agent.AgentId != PlannedAgent.Nobody.AgentId)
        {
            w.WriteString("registered"u8, agent.AgentId);
        }

        w.WriteString("agent_id"u8, agent.AgentId);
        w.WriteString("type"u8, agent.Type);
        w.WriteNumber("success_rate"u8, agent.SuccessRate);
        w.WriteNumber("mean_latency_ms"u8, agent.MeanLatencyMs);
        w.WriteNumber("per_invocation_nano"u8, agent.PerInvocationNano);
        w.WriteNumber("per_token_nano"u8, agent.PerTokenNano);
        w.WriteNumber("context_tokens"u8, agent.ContextTokens);
        w.WriteNumber("max_tokens"u8, maxTokens);
        w.WriteBoolean("real_time"u8, isRealTime);
        w.WriteEndObject();
    }

    private sealed class SimulatedAgent : ITool
    {
        private static readonly JsonElement OutputSchema = JsonElement.Parse("""{"type":"object","required":["task_id","result"]}""");

        private readonly PlannedAgent _agent;
        private readonly ITool _work;
        private readonly SimulatedWorld _world;
        private readonly bool _isRealTime;

        public SimulatedAgent(string id, JsonElement settings, IToolRegistry tools, SimulatedWorld world)
        {
            _agent = new PlannedAgent(
                settings.GetProperty("agent_id").GetString()!,
                Text(settings, "type"),
                Number(settings, "success_rate", 1),
                (long)Number(settings, "mean_latency_ms", 0),
                (long)Number(settings, "per_invocation_nano", 0),
                (long)Number(settings, "per_token_nano", 0),
                (int)Number(settings, "context_tokens", PlannedAgent.Nobody.ContextTokens));
            _work = tools.Find(SimulatedTools.Work)!;
            _world = world;
            _isRealTime = settings.TryGetProperty("real_time", out JsonElement real) && real.ValueKind == JsonValueKind.True;
            Contract = new ToolContract
            {
                Id = $"agent.{id}",
                Version = "1.0.0",
                Description = $"The simulated agent {_agent.AgentId}.",
                OutputSchema = OutputSchema,
                MaxCostNanoDollars = Cost((int)Number(settings, "max_tokens", 0)),
                ErrorCodes = new Dictionary<string, string>(StringComparer.Ordinal)
                {
                    [ErrorCode.AgentUnavailable.Code] = "The agent did not take the task; it is as unreliable as its fleet says.",
                    [ErrorCode.ModelInputTooLarge.Code] = "The task's context is larger than the agent takes.",
                    ["AGENTS_DISAGREE"] = "Several agents gave different answers; the output has their proposals.",
                },
            };
        }

        public ToolContract Contract { get; }

        public string CalledId => _work.Contract.Id;

        public TimeProvider TimeOf(in ToolCall call, TimeProvider clock) => _isRealTime ? clock : new SimulatedTime();

        public TimeSpan WaitOf(TimeSpan wait) => _isRealTime ? wait : TimeSpan.Zero;

        public IReadOnlyList<string> ToolsOf(ReadOnlyMemory<byte> input) => SimulatedTry.Of(input, "", 0, _agent).Task.Tools;

        public async ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken)
        {
            SimulatedTry attempt = SimulatedTry.Of(call, _agent);
            if (FaultInjector.Crashes(attempt, call.Attempt) && _world.Abandon(call.RunId))
            {
                // Nobody is left to hear what comes of it.
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false);
            }

            bool isPlatforms = attempt.Task.Type is PlannedTask.Approval or PlannedTask.Checkpoint;
            if (!isPlatforms && !FaultInjector.Takes(attempt) && Odds.Of(attempt.Seed, attempt.WorkflowId, attempt.Task.TaskId, "agent", attempt.Index) >= _agent.SuccessRate)
            {
                await SimulatedTime.SleepAsync(call.Time, TimeSpan.FromMilliseconds(_agent.MeanLatencyMs), cancellationToken).ConfigureAwait(false);
                return Failed(ErrorCode.AgentUnavailable.Code, ErrorCategory.Transient, $"{_agent.AgentId} did not take the task.");
            }

            int tokens = attempt.ContextTokens ?? (attempt.Task.Tokens + FaultInjector.ExcessTokens(attempt));
            if (tokens > _agent.ContextTokens)
            {
                await SimulatedTime.SleepAsync(call.Time, TimeSpan.FromMilliseconds(SimulatedDurations.Refusal), cancellationToken).ConfigureAwait(false);
                return Failed(ErrorCode.ModelInputTooLarge.Code, ErrorCategory.Validation, $"The context has {tokens} tokens; {_agent.AgentId} takes {_agent.ContextTokens}.");
            }

            StepOutcome done = await _work.InvokeAsync(call, cancellationToken).ConfigureAwait(false);
            if (!done.Ok)
            {
                return done with { CostNanoDollars = _agent.PerInvocationNano };
            }

            if (FaultInjector.DisagreeingAgents(attempt) is > 0 and var several)
            {
                return Failed("AGENTS_DISAGREE", ErrorCategory.Permanent, $"{several} agents gave different answers.") with { Output = SimulatedTools.Proposals(attempt, several) };
            }

            return done with { CostNanoDollars = Cost(attempt.Task.Tokens), InputTokens = attempt.Task.Tokens / 2, OutputTokens = attempt.Task.Tokens - (attempt.Task.Tokens / 2), Provider = _agent.AgentId };
        }

        private StepOutcome Failed(string code, ErrorCategory category, string message) => StepOutcome.Failure(code, category, message) with { CostNanoDollars = _agent.PerInvocationNano };

        private long Cost(int tokens) => _agent.PerInvocationNano + (_agent.PerTokenNano * tokens);

        private static double Number(JsonElement settings, string name, double otherwise) => settings.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : otherwise;

        private static string Text(JsonElement settings, string name) => settings.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
    }
}
