namespace AgentFlow.Tools.BuiltIn.Transform;

/// <summary>
/// What the queries of one call may cost together. <c>$..*..*..*</c> grows with a power of the document: without a limit one
/// small input holds a worker for hours.
/// </summary>
internal sealed class PathLimit(int maxNodes, long maxVisits, CancellationToken cancellationToken)
{
    private long _visits;
    private long _nextCheck;

    /// <summary>Whether a list of nodes may have this length.</summary>
    public bool Holds(int nodes) => nodes <= maxNodes;

    /// <summary>Takes some visits; false when none are left.</summary>
    public bool Spend(long visits)
    {
        _visits += visits;
        if (_visits >= _nextCheck)
        {
            cancellationToken.ThrowIfCancellationRequested();
            _nextCheck = _visits + 4096;
        }

        return _visits <= maxVisits;
    }
}
