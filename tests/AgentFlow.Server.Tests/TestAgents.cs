using System.Collections.Concurrent;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Messages;
using AgentFlow.Engine.Agents;

namespace AgentFlow.Server.Tests;

/// <summary>Agents whose outcome a test holds in its hand.</summary>
public sealed class TestAgents
{
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _gates = new(StringComparer.Ordinal);
    private int _calls;

    public IReadOnlyDictionary<string, Func<CustomAgent>> Types => new Dictionary<string, Func<CustomAgent>>(StringComparer.Ordinal)
    {
        ["gate"] = () => new Gate(this),
        ["fail"] = () => new Fail(),
    };

    /// <summary>Messages that gates have got so far.</summary>
    public int Calls => Volatile.Read(ref _calls);

    /// <summary>Lets every message with this <c>gate</c> pass, now and later.</summary>
    public void Open(string gate) => GateOf(gate).TrySetResult();

    private TaskCompletionSource GateOf(string name) => _gates.GetOrAdd(name, static _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

    /// <summary>Answers its input once the gate named in it is open.</summary>
    private sealed class Gate(TestAgents agents) : CustomAgent
    {
        protected override async ValueTask<AgentReply> OnMessageAsync(Envelope message, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref agents._calls);
            JsonElement input = message.Payload.Clone();
            await agents.GateOf(input.GetProperty("gate").GetString()!).Task.WaitAsync(cancellationToken);
            return AgentReply.Of(input);
        }
    }

    private sealed class Fail : CustomAgent
    {
        protected override ValueTask<AgentReply> OnMessageAsync(Envelope message, CancellationToken cancellationToken) =>
            new(AgentReply.Failed("NO_LUCK", ErrorCategory.Permanent, "It was never going to work."));
    }
}
