namespace AgentFlow.Engine.Scheduling;

/// <summary>
/// Bounds how many calls with effects are under way at once; further ones begin by rank (<see cref="RunPriority"/>): in the order in
/// which they came, moved by the priorities of their runs.
/// </summary>
internal sealed class AttemptGate(int limit, Action<IThreadPoolWorkItem> schedule)
{
    private readonly PriorityQueue<IThreadPoolWorkItem, (long Rank, long Number)> _waiting = new();
    private readonly Lock _gate = new();
    private long _numbers;
    private int _held;

    /// <summary>Runs the item when there is room. Whoever it is calls <see cref="Leave"/> once it is done.</summary>
    /// <param name="rank">Lower ones begin first.</param>
    public void Enter(IThreadPoolWorkItem item, long rank)
    {
        lock (_gate)
        {
            if (_held >= limit)
            {
                _waiting.Enqueue(item, (rank, _numbers++));
                return;
            }

            _held++;
        }

        schedule(item);
    }

    public void Leave()
    {
        IThreadPoolWorkItem? next;
        lock (_gate)
        {
            if (!_waiting.TryDequeue(out next, out _))
            {
                _held--;
                return;
            }
        }

        schedule(next);
    }
}
