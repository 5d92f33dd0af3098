namespace AgentFlow.Client;

/// <summary>A semaphore that somebody holds or wants a permit of.</summary>
/// <param name="Permits">How many may be held at once.</param>
/// <param name="Holders">In the order of asking.</param>
/// <param name="Waiting">In the order in which they are served.</param>
public sealed record SharedSemaphore(string Name, int Permits, IReadOnlyList<SharedPlace> Holders, IReadOnlyList<SharedPlace> Waiting);

/// <summary>A barrier that somebody waits at.</summary>
/// <param name="Parties">How many have to come.</param>
/// <param name="Waiting">In the order of arrival.</param>
public sealed record SharedBarrier(string Name, int Parties, IReadOnlyList<SharedPlace> Waiting);

/// <summary>Who is at a semaphore or a barrier.</summary>
/// <param name="Run">The run's id.</param>
/// <param name="Step">The step's id among the run's steps.</param>
public sealed record SharedPlace(string Run, string Step);
