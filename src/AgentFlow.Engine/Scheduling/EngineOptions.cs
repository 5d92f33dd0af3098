namespace AgentFlow.Engine.Scheduling;

/// <summary>How one process runs the engine.</summary>
public sealed record EngineOptions
{
    /// <summary>Most runs held in memory; further ones wait in the store. Default 4,096.</summary>
    public int MaxResident { get; init; } = 4096;

    /// <summary>
    /// Most calls with effects under way at once; further ones are announced in the journal and wait for their turn. On a
    /// shared store a process takes on no more runs than this. Default 1,024.
    /// </summary>
    public int MaxAttempts { get; init; } = 1024;

    /// <summary>Runs waiting in the store from which on new ones are refused. Default 250,000.</summary>
    public int MaxQueued { get; init; } = 250_000;

    /// <summary>Writes waiting for the disk from which on what comes is refused. Default 16,384.</summary>
    public int MaxBacklog { get; init; } = 16_384;

    /// <summary>How often a process on a shared store looks around for what news did not bring. Default 1 s.</summary>
    public TimeSpan LookAroundEvery { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A run with nothing to do is evicted at once unless one of its timers is due within this time. Default 1 s.</summary>
    public TimeSpan ParkAfter { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Events between two snapshots of one run. Default 512.</summary>
    public int SnapshotEvery { get; init; } = 512;

    /// <summary>
    /// Fewest items of a commit that is begun beside another one, where the store takes several: a transaction of its own
    /// costs more than it saves when it holds less. Default 16.
    /// </summary>
    public int LeastParallelCommit { get; init; } = 16;

    /// <summary>Turns computed at once. Default: the processor count.</summary>
    public int Workers { get; init; } = Environment.ProcessorCount;

    /// <summary>Names this process in journals.</summary>
    public string Owner { get; init; } = $"{Environment.MachineName}:{Environment.ProcessId}";

    /// <summary>Whether this process executes runs; a control process only accepts them.</summary>
    public bool Executes { get; init; } = true;

    /// <summary>Runs a work item soon, on another stack than the caller's. Default: the thread pool.</summary>
    public Action<IThreadPoolWorkItem> Schedule { get; init; } = static item => ThreadPool.UnsafeQueueUserWorkItem(item, preferLocal: false);

    /// <summary>Reads <c>env.NAME</c> when a run starts. Default: the process environment's <c>AF_ENV_NAME</c>.</summary>
    public Func<string, string?> Env { get; init; } = static name => Environment.GetEnvironmentVariable("AF_ENV_" + name);
}
