using AgentFlow.Engine.Agents;

namespace AgentFlow.Engine.Ports;

/// <summary>
/// The agents of every tenant, of all kinds. What a call has written is on disk when it returns; calls that come at the same time
/// may share a commit. Another tenant's agents are as if they did not exist. Times are Unix milliseconds. Safe for concurrent calls.
/// </summary>
public interface IAgentStore
{
    /// <summary>Adds an agent with everything it has, <see cref="RegisteredAgent.Version"/> included.</summary>
    /// <returns><see cref="AgentWrite.Done"/>, <see cref="AgentWrite.IdTaken"/> or <see cref="AgentWrite.NameTaken"/>.</returns>
    ValueTask<AgentWrite> CreateAsync(string tenant, RegisteredAgent agent, CancellationToken cancellationToken);

    /// <summary>
    /// Replaces what an agent is: name, role, category, specialist, base URL, status, capabilities, limits, document, digest and
    /// the time of the change. Kind, creation, signs of life, failures and load stay. Its version becomes
    /// <paramref name="expected"/> + 1.
    /// </summary>
    /// <param name="use">Replaces what it has spent; <see langword="null"/> leaves that as it is.</param>
    /// <returns><see cref="AgentWrite.Done"/>, <see cref="AgentWrite.Missing"/>, <see cref="AgentWrite.Stale"/> or <see cref="AgentWrite.NameTaken"/>.</returns>
    ValueTask<AgentWrite> UpdateAsync(string tenant, RegisteredAgent agent, long expected, AgentSpend? use, CancellationToken cancellationToken);

    /// <summary>
    /// Registers a remote agent, or registers it again: its name, base URL, capabilities and status become these, it was seen at
    /// <see cref="RegisteredAgent.LastSeen"/>, and no dispatch counts as failed. Of one that is there, the rest stays. Idempotent.
    /// </summary>
    /// <returns><see cref="AgentWrite.Done"/> for a new one, <see cref="AgentWrite.Replaced"/> for one that was there, <see cref="AgentWrite.IdTaken"/> when an agent of another kind has the id: nothing was written.</returns>
    ValueTask<AgentWrite> UpsertRemoteAsync(string tenant, RegisteredAgent agent, CancellationToken cancellationToken);

    /// <summary>Notes a sign of life of a remote agent. An older one than was noted changes no time.</summary>
    /// <returns>False when the tenant has no such remote agent.</returns>
    ValueTask<bool> HeartbeatAsync(string tenant, string id, AgentHeartbeat heartbeat, CancellationToken cancellationToken);

    /// <summary>
    /// Counts what became of a dispatch: with <see cref="AgentStatus.DegradedAfter"/> failures in a row an agent that is online is
    /// degraded; a success begins the count anew and ends a degradation that came from the count.
    /// </summary>
    /// <returns>False when there is no such agent.</returns>
    ValueTask<bool> ReportDispatchAsync(string tenant, string id, bool succeeded, CancellationToken cancellationToken);

    /// <summary>Adds to the tasks in flight, which never fall below 0.</summary>
    /// <returns>False when there is no such agent.</returns>
    ValueTask<bool> AdjustLoadAsync(string tenant, string id, int change, CancellationToken cancellationToken);

    /// <summary>
    /// Adds to what an agent has spent in a month, unless that came to more than the most then. An agent need not be there: what was spent
    /// stays spent when it is removed and registered again. Durable when it returns; where it throws, and where a connection breaks under way, a
    /// positive change may count or count twice, and a negative one counts once or not at all.
    /// </summary>
    /// <param name="month">For example <c>2026-11</c>.</param>
    /// <param name="change">Billionths of a dollar; a negative change gives back, and never below 0.</param>
    /// <param name="most">Billionths of a dollar.</param>
    /// <returns>False when there would be more than the most: nothing has changed.</returns>
    ValueTask<bool> SpendAsync(string tenant, string id, string month, long change, long most, CancellationToken cancellationToken);

    /// <summary>Sets the status of an agent and notes that it was seen.</summary>
    /// <param name="from">Only an agent in one of these; <see langword="null"/>: in any.</param>
    /// <returns>False when there is no such agent in such a status.</returns>
    ValueTask<bool> SetStatusAsync(string tenant, string id, IReadOnlyList<string>? from, string to, long at, CancellationToken cancellationToken);

    ValueTask<RegisteredAgent?> FindAsync(string tenant, string id, CancellationToken cancellationToken);

    /// <summary>By name: an identity before a remote agent; of several remote ones the first by id.</summary>
    ValueTask<RegisteredAgent?> FindByNameAsync(string tenant, string name, CancellationToken cancellationToken);

    /// <summary>By name, then by id, both in ordinal order.</summary>
    ValueTask<AgentPage> ListAsync(string tenant, AgentFilter filter, CancellationToken cancellationToken);

    /// <summary>The agents that have a capability, by id; whatever their kind and status.</summary>
    ValueTask<IReadOnlyList<RegisteredAgent>> FindCapableAsync(string tenant, string capability, CancellationToken cancellationToken);

    /// <summary>Makes remote agents of every tenant offline that were last seen before a time.</summary>
    /// <returns>Those that were not offline until now.</returns>
    ValueTask<IReadOnlyList<SilentAgent>> SweepOfflineAsync(long before, CancellationToken cancellationToken);

    /// <summary>Removes an agent.</summary>
    /// <param name="expected">The version that it must have; <see langword="null"/>: whatever it has.</param>
    /// <returns><see cref="AgentWrite.Done"/>, <see cref="AgentWrite.Missing"/> or <see cref="AgentWrite.Stale"/>.</returns>
    ValueTask<AgentWrite> DeleteAsync(string tenant, string id, long? expected, CancellationToken cancellationToken);

    ValueTask<AgentStats> StatsAsync(string tenant, CancellationToken cancellationToken);
}

/// <summary>What became of a write; anything but the first two wrote nothing.</summary>
public enum AgentWrite
{
    Done,

    /// <summary>There was one already, and it is renewed.</summary>
    Replaced,

    /// <summary>There is no such agent.</summary>
    Missing,

    /// <summary>It has another version.</summary>
    Stale,

    /// <summary>Another agent of the tenant, not a remote one, has the name.</summary>
    NameTaken,

    /// <summary>Another agent of the tenant has the id.</summary>
    IdTaken,
}

/// <summary>A sign of life. What is <see langword="null"/> stays as it was, but for the status.</summary>
/// <param name="At">Unix milliseconds.</param>
/// <param name="Status">What the agent says of itself, one of <see cref="AgentStatus.OfRemotes"/>; <see cref="AgentStatus.Online"/> when it says nothing.</param>
/// <param name="Capabilities">Distinct, in ordinal order.</param>
public sealed record AgentHeartbeat(long At, string? Status = null, string? Name = null, string? BaseUrl = null, IReadOnlyList<string>? Capabilities = null);

/// <summary>Which agents to list. What is <see langword="null"/> does not restrict.</summary>
/// <param name="After">Name and id of the last agent of the page before.</param>
public sealed record AgentFilter(
    string? Kind = null,
    string? Role = null,
    string? Category = null,
    string? Specialist = null,
    string? Status = null,
    string? Capability = null,
    (string Name, string Id)? After = null,
    int Size = 50);

/// <param name="Total">All that match, on whatever page.</param>
public sealed record AgentPage(IReadOnlyList<RegisteredAgent> Agents, long Total, bool HasMore);

/// <param name="LastSeen">Unix milliseconds.</param>
public sealed record SilentAgent(string Tenant, string Id, string Name, long LastSeen);

/// <summary>A tenant's agents in numbers. The maps have no entry for what no agent has.</summary>
/// <param name="ByRole">Agents without a role are under the empty text; likewise categories.</param>
/// <param name="Limits">Sum of the limits that are set.</param>
/// <param name="Use">What all agents have spent.</param>
/// <param name="OverBudget">Agents of which some use is above its limit.</param>
public sealed record AgentStats(
    long Total,
    IReadOnlyDictionary<string, long> ByKind,
    IReadOnlyDictionary<string, long> ByRole,
    IReadOnlyDictionary<string, long> ByCategory,
    IReadOnlyDictionary<string, long> ByStatus,
    AgentSpend Limits,
    AgentSpend Use,
    long OverBudget);
