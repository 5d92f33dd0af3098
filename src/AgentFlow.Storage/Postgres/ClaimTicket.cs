using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Postgres;

/// <summary>
/// Numbers a process's claims. A claim whose answer was lost stays open and is asked for again under its number: then it gives
/// the runs that it took, or takes some, but never leaves runs with an owner who does not know.
/// </summary>
internal sealed class ClaimTicket : IDisposable
{
    private static readonly Comparer<(bool Wrapped, string Tenant)> Rotation = Comparer<(bool Wrapped, string Tenant)>.Create(static (x, y) =>
        x.Wrapped != y.Wrapped ? x.Wrapped.CompareTo(y.Wrapped) : string.CompareOrdinal(x.Tenant, y.Tenant));

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

    /// <summary>The tenant that the last claim ended with: with more tenants than places, the next one goes on behind it.</summary>
    public string LastTenant { get; private set; } = "";

    /// <param name="taken">By the claim, in any order.</param>
    public void Close(IReadOnlyCollection<ClaimedRun> taken)
    {
        IsOpen = false;
        if (taken.Count > 0)
        {
            // Tenants come from the last one on to the end and then from the beginning.
            LastTenant = taken.Select(r => r.Tenant).MaxBy(t => (string.CompareOrdinal(t, LastTenant) <= 0, t), Rotation)!;
        }
    }

    public void Dispose() => Gate.Dispose();
}
