using System.Collections.Concurrent;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Steps;

namespace AgentFlow.Engine.Agents;

/// <summary>What is known of a registered agent's policy.</summary>
/// <param name="Agent">The agent's id, whatever it was asked for by.</param>
/// <param name="Problem">Why nothing can be called under it; then <paramref name="Policy"/> means nothing.</param>
public sealed record KnownPolicy(string Agent, AgentPolicy Policy, StepError? Problem);

/// <summary>
/// The policies of registered agents, from memory: they are read again when they are more than <see cref="BelievedFor"/> old, so that a
/// change in the registry holds after that, whoever made it. Safe for concurrent use.
/// </summary>
public sealed class AgentPolicies(IAgentStore agents, TimeProvider clock)
{
    private const int MostKept = 10_000;

    private readonly ConcurrentDictionary<(string Tenant, string Agent), (KnownPolicy Policy, long At)> _known = new();
    private readonly ConcurrentDictionary<(string Tenant, string Agent), Task> _learning = new();

    /// <summary>What the agents' calls cost, where they have a cap.</summary>
    internal AgentSpending Spending { get; } = new(agents, clock);

    public static TimeSpan BelievedFor { get; } = TimeSpan.FromSeconds(5);

    /// <param name="agent">Id or name.</param>
    /// <returns><see langword="null"/> when nothing is known that is new enough: <see cref="LearnAsync"/> reads it.</returns>
    public KnownPolicy? Find(string tenant, string agent) =>
        _known.TryGetValue((tenant, agent), out (KnownPolicy Policy, long At) known) && clock.GetElapsedTime(known.At) <= BelievedFor ? known.Policy : null;

    /// <summary>What was known last, however old it is.</summary>
    public KnownPolicy? Latest(string tenant, string agent) => _known.TryGetValue((tenant, agent), out (KnownPolicy Policy, long At) known) ? known.Policy : null;

    /// <summary>This process has changed agents of a tenant: what it knows of them is read again.</summary>
    public void Forget(string tenant)
    {
        foreach ((string Tenant, string Agent) key in _known.Keys.Where(k => k.Tenant == tenant))
        {
            _known.TryRemove(key, out _);
        }
    }

    /// <summary>Reads a policy from the registry. Throws what the registry throws.</summary>
    public Task LearnAsync(string tenant, string agent)
    {
        // Many steps want the same policy at the same moment: it is read once.
        var reading = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task task = _learning.GetOrAdd((tenant, agent), reading.Task);
        if (task == reading.Task)
        {
            _ = ReadAsync(tenant, agent, reading);
        }

        return task;
    }

    private async Task ReadAsync(string tenant, string agent, TaskCompletionSource reading)
    {
        try
        {
            long at = clock.GetTimestamp();
            RegisteredAgent? found = await agents.FindAsync(tenant, agent, CancellationToken.None).ConfigureAwait(false)
                ?? await agents.FindByNameAsync(tenant, agent, CancellationToken.None).ConfigureAwait(false);
            if (_known.Count >= MostKept)
            {
                _known.Clear();
            }

            _known[(tenant, agent)] = (Of(agent, found), at);
            _learning.TryRemove((tenant, agent), out _);
            reading.SetResult();
        }
        catch (Exception e)
        {
            _learning.TryRemove((tenant, agent), out _);
            reading.SetException(e);
        }
    }

    private static KnownPolicy Of(string asked, RegisteredAgent? agent)
    {
        if (agent is null)
        {
            return new KnownPolicy(asked, AgentPolicy.None, new StepError(ErrorCode.AgentNotFound.Code, ErrorCategory.Permanent, $"The workflow calls under the policy of the registered agent '{asked}', and there is no such agent. Register it, or correct 'registered' in the workflow's agents."));
        }

        JsonElement definition = JsonElement.Parse(AgentDocument.Of(agent.Document).Definition.Span);
        AgentPolicy? policy = AgentPolicy.ReadDefinition(definition, out string? problem);
        return new KnownPolicy(agent.Id, policy ?? AgentPolicy.None, problem is null ? null : new StepError(ErrorCode.AgentPolicyInvalid.Code, ErrorCategory.Permanent, $"The policy of the registered agent '{asked}' cannot be followed: {problem}. Correct 'definition' of the agent."));
    }
}
