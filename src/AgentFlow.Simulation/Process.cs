using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Simulation;

/// <summary>One life of a worker.</summary>
internal sealed class Process(int number)
{
    public int Number { get; } = number;

    public RunHost Host { get; set; } = null!;

    /// <summary>Gone for ever: nothing of it runs any more.</summary>
    public bool IsDead { get; set; }

    /// <summary>Stopped for now, as by a signal or a long pause; what it was about to do happens when it goes on.</summary>
    public bool IsPaused { get; set; }

    public bool IsRunnable => !IsDead && !IsPaused;
}
