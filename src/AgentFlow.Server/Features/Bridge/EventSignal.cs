namespace AgentFlow.Server.Features.Bridge;

/// <summary>Wakes whoever waits for events of remote agents that this process takes. Safe for concurrent calls.</summary>
internal sealed class EventSignal
{
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when an event comes. Take it before looking, so that none falls between.</summary>
    public Task Next => Volatile.Read(ref _next).Task;

    public void Raise() => Interlocked.Exchange(ref _next, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
}
