using System.Collections.Concurrent;

namespace AgentFlow.Engine.Scheduling;

/// <summary>Bounds how many calls with effects are under way at once; further ones begin in the order in which they came.</summary>
internal sealed class AttemptGate(int limit, Action<IThreadPoolWorkItem> schedule)
{
    private readonly ConcurrentQueue<IThreadPoolWorkItem> _waiting = new();
    private int _held;

    /// <summary>Runs the item when there is room. Whoever it is calls <see cref="Leave"/> once it is done.</summary>
    public void Enter(IThreadPoolWorkItem item)
    {
        if (Interlocked.Increment(ref _held) <= limit)
        {
            schedule(item);
            return;
        }

        _waiting.Enqueue(item);
        Interlocked.Decrement(ref _held);
        Admit();
    }

    public void Leave()
    {
        Interlocked.Decrement(ref _held);
        Admit();
    }

    private void Admit()
    {
        while (!_waiting.IsEmpty)
        {
            if (Interlocked.Increment(ref _held) > limit)
            {
                // Whoever brings the count below the limit looks again.
                if (Interlocked.Decrement(ref _held) >= limit)
                {
                    return;
                }
            }
            else if (_waiting.TryDequeue(out IThreadPoolWorkItem? next))
            {
                schedule(next);
            }
            else
            {
                Interlocked.Decrement(ref _held);
            }
        }
    }
}
