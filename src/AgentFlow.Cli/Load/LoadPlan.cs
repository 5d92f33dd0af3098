namespace AgentFlow.Cli.Load;

/// <summary>What load is made.</summary>
/// <param name="Rate">Requests a second, whatever becomes of those before.</param>
/// <param name="WarmUp">Load that is not measured, before the duration.</param>
/// <param name="Agents">Agents that take turns.</param>
/// <param name="Connections">Most requests under way at once; others wait, and their wait counts.</param>
internal sealed record LoadPlan(double Rate, TimeSpan Duration, TimeSpan WarmUp, int Agents, int Connections)
{
    /// <summary>Requests altogether.</summary>
    public int Total => (int)Math.Ceiling(Rate * (Duration + WarmUp).TotalSeconds);

    /// <summary>Requests that are not measured.</summary>
    public int Unmeasured => (int)Math.Floor(Rate * WarmUp.TotalSeconds);
}

/// <summary>The four calls of an agent, in the order in which they take turns.</summary>
internal enum LoadCall
{
    Register,
    Heartbeat,
    Callback,
    Event,
}
