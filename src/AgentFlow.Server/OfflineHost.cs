using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Ports;
using AgentFlow.Models;
using AgentFlow.Models.Agents;
using AgentFlow.Models.Providers;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Features.Bridge;
using AgentFlow.Tools;

namespace AgentFlow.Server;

/// <summary>
/// The tools and agent kinds of a server without the server: for whoever compiles workflows and performs their steps himself. What
/// needs a store or a connection has its contract here, and fails when it is called.
/// </summary>
public sealed class OfflineHost : IAsyncDisposable
{
    private readonly HttpTransport _transport = new(new HttpTransportOptions());
    private readonly CustomAgentKind _custom;

    /// <param name="models">Who answers agents that ask models.</param>
    /// <param name="around">Gets the tools, and gives those that steps and agents see.</param>
    public OfflineHost(ModelProviders models, TimeProvider clock, Func<IToolRegistry, IToolRegistry> around)
    {
        var invoker = new ModelInvoker(models);
        var dispatch = new NoAgents();
        _custom = new CustomAgentKind(new Dictionary<string, Func<CustomAgent>>(), new UlidFactory(clock, new SeededRandom(1)), clock);
        Tools = around(new ToolRegistry([.. BuiltInTools.Define(_transport, invoker, clock), new ToolDefinition(dispatch.Contract, _ => dispatch)], ToolPolicy.GrantAll));
        // Nobody opens a task here: whoever performs the steps answers in the place of people.
        var desk = new HumanTaskDesk(null!, new UlidFactory(clock, new SeededRandom(2)), clock);
        AgentKinds = [new HumanAgentKind(desk), new LlmAgentKind(invoker), new RagAgentKind(), new ToolAgentKind(Tools), _custom, new RemoteAgentKind(dispatch)];
    }

    public IToolRegistry Tools { get; }

    public IReadOnlyList<IAgentKind> AgentKinds { get; }

    public async ValueTask DisposeAsync()
    {
        await _custom.DisposeAsync().ConfigureAwait(false);
        _transport.Dispose();
    }

    private sealed class NoAgents : ITool
    {
        public ToolContract Contract { get; } = RemoteAgentTool.ContractOf(new BridgeSettings());

        public RetryPolicy? DefaultRetry => RemoteAgentTool.Retry;

        public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken) =>
            new(StepOutcome.Failure(ErrorCode.AgentUnavailable.Code, ErrorCategory.Permanent, "No remote agent is registered here."));
    }
}
