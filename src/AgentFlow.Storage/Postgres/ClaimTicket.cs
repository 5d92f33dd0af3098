namespace AgentFlow.Storage.Postgres;

/// <summary>
/// Numbers a process's claims. A claim whose answer was lost stays open and is asked for again under its number: then it gives
/// the runs that it took, or takes some, but never leaves runs with an owner who does not know.
/// </summary>
internal sealed class ClaimTicket : IDisposable
{
    private long _number;

    /// <summary>One claim at a time.</summary>
    public SemaphoreSlim Gate { get; } = new(1, 1);

    /// <summary>Whether the outcome of the last claim is unknown.</summary>
    public bool IsOpen { get; private set; }

    /// <returns>The number to claim under.</returns>
    public long Open()
    {
        _number += IsOpen ? 0 : 1;
        IsOpen = true;
        return _number;
    }

    public void Close() => IsOpen = false;

    public void Dispose() => Gate.Dispose();
}
