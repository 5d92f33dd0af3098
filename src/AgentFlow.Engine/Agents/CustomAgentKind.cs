using System.Collections.Concurrent;
using System.Text.Json;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Messages;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.Agents;

/// <summary>The kind <c>custom</c>: agents from factories that the host registers by type name.</summary>
public sealed class CustomAgentKind(IReadOnlyDictionary<string, Func<CustomAgent>> types, UlidFactory ids, TimeProvider clock) : IAgentKind, IAsyncDisposable
{
    private readonly ConcurrentBag<Hosted> _hosted = [];

    public string Kind => "custom";

    public IReadOnlyList<AgentProblem> Check(AgentDefinition agent, WorkflowAssets assets)
    {
        string? type = TypeOf(agent);
        if (type is null)
        {
            return [new AgentProblem("type", "A custom agent needs a type.", $"Name a registered type: {Known()}.")];
        }

        AgentProblem? unknown = types.ContainsKey(type) ? null : new AgentProblem("type", $"No agent type '{type}' is registered.", $"Register it with the host, or use one of: {Known()}.");
        return [.. new[] { unknown, AgentIdempotency.Check(agent) }.OfType<AgentProblem>()];
    }

    /// <remarks>Only agents that were started are kept: a definition that is merely checked leaves nothing behind.</remarks>
    public ITool Compile(AgentDefinition agent, WorkflowAssets assets) => new Hosted(agent, assets, types[TypeOf(agent)!], _hosted.Add, ids, clock);

    /// <summary>Finishes every agent that was started.</summary>
    public async ValueTask DisposeAsync()
    {
        while (_hosted.TryTake(out Hosted? agent))
        {
            await agent.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static string? TypeOf(AgentDefinition agent) =>
        agent.Settings.TryGetProperty("type", out JsonElement type) && type.ValueKind == JsonValueKind.String ? type.GetString() : null;

    private string Known() => types.Count == 0 ? "none is" : string.Join(", ", types.Keys.Order(StringComparer.Ordinal));

    private sealed class Hosted(AgentDefinition definition, WorkflowAssets assets, Func<CustomAgent> create, Action<Hosted> started, UlidFactory ids, TimeProvider clock) : ITool, IAsyncDisposable
    {
        private readonly SemaphoreSlim _starting = new(1);
        private readonly ConcurrentDictionary<string, Task> _planned = new(StringComparer.Ordinal);
        private CustomAgent? _agent;

        public ToolContract Contract { get; } = new()
        {
            Id = "agent." + definition.Id,
            Version = "1.0.0",
            Description = definition.Role,
            Permissions = definition.Permissions.Count > 0 ? definition.Permissions : [Grant.None],
            Idempotency = AgentIdempotency.Of(definition, Idempotency.Unknown),
        };

        public async ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken)
        {
            CustomAgent agent = _agent ?? await StartAsync(cancellationToken).ConfigureAwait(false);
            await PlanAsync(agent, call, cancellationToken).ConfigureAwait(false);
            using JsonDocument input = JsonDocument.Parse(call.Input);
            AgentReply reply = await agent.OnMessageAsync(Message(call, input.RootElement.Clone()), cancellationToken).ConfigureAwait(false);
            if (reply.Error is { } error)
            {
                return new StepOutcome { Error = error, CostNanoDollars = reply.CostNanoDollars };
            }

            return new StepOutcome
            {
                Output = reply.Output is { } output ? System.Text.Encoding.UTF8.GetBytes(output.GetRawText()) : Payload.Null.Utf8,
                CostNanoDollars = reply.CostNanoDollars,
            };
        }

        public async ValueTask DisposeAsync()
        {
            if (_agent is { } agent)
            {
                await agent.OnFinishAsync(CancellationToken.None).ConfigureAwait(false);
            }

            _starting.Dispose();
        }

        private async Task<CustomAgent> StartAsync(CancellationToken cancellationToken)
        {
            await _starting.WaitAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                if (_agent is null)
                {
                    CustomAgent agent = create();
                    await agent.OnStartAsync(definition, assets, cancellationToken).ConfigureAwait(false);
                    _agent = agent;
                    started(this);
                }

                return _agent;
            }
            finally
            {
                _starting.Release();
            }
        }

        /// <summary>Once for each run; forgotten runs are told again, which only repeats what the agent knows.</summary>
        private async Task PlanAsync(CustomAgent agent, ToolCall call, CancellationToken cancellationToken)
        {
            if (call.Workflow is not { } workflow)
            {
                return;
            }

            if (_planned.Count > 10_000)
            {
                _planned.Clear();
            }

            Task planned = _planned.GetOrAdd(call.RunId, run => agent.OnPlanAsync(
                new AgentPlan(run, workflow.Name, workflow.Version, workflow.Planner, [.. workflow.Nodes.Skip(1).Select(n => n.Id)]), CancellationToken.None).AsTask());
            try
            {
                await planned.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            catch when (planned.IsFaulted)
            {
                _planned.TryRemove(call.RunId, out _);
                throw;
            }
        }

        private Envelope Message(ToolCall call, JsonElement payload) => new Envelope
        {
            Id = ids.Create(),
            TraceId = call.RunId,
            SpanId = call.IdempotencyKey,
            From = call.Workflow is { } w ? "workflows." + w.Name : "host",
            To = "agents." + definition.Id,
            Type = EnvelopeType.Request,
            Payload = payload,
            Metadata = new Dictionary<string, JsonElement>(StringComparer.Ordinal)
            {
                ["workflow_id"] = JsonSerializer.SerializeToElement(call.Workflow?.Name ?? "", StringJson.Default.String),
                ["attempt"] = JsonSerializer.SerializeToElement(call.Attempt, StringJson.Default.Int32),
                ["step"] = JsonSerializer.SerializeToElement(call.StepPath, StringJson.Default.String),
                ["idempotency_key"] = JsonSerializer.SerializeToElement(call.IdempotencyKey, StringJson.Default.String),
            },
            Cost = new EnvelopeCost(0, 0),
            Ts = clock.GetUtcNow(),
        }.Seal();
    }
}
