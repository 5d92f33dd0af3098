using AgentFlow.Contracts.Randomness;

namespace AgentFlow.Contracts.Ids;

/// <summary>
/// Makes ULIDs that strictly increase: within one millisecond, and while the clock stands still or goes backwards, the
/// next id is the last one plus one; when its 80 random bits are used up, its time moves on by one millisecond.
/// Safe for concurrent use, also over a random source that is not.
/// </summary>
public sealed class UlidFactory(TimeProvider clock, IRandomSource random)
{
    private readonly Lock _gate = new();
    private long _milliseconds = -1;
    private ushort _randomHigh;
    private ulong _randomLow;

    /// <summary>The next id, greater than every one before.</summary>
    public Ulid Create()
    {
        lock (_gate)
        {
            // Before 1970 there is no ULID; such a clock counts as standing still at the first millisecond.
            long now = Math.Max(0, clock.GetUtcNow().ToUnixTimeMilliseconds());
            if (now > _milliseconds)
            {
                Restart(now);
            }
            else if (++_randomLow == 0 && ++_randomHigh == 0)
            {
                Restart(_milliseconds + 1);
            }

            return new Ulid(_milliseconds, _randomHigh, _randomLow);
        }
    }

    private void Restart(long milliseconds)
    {
        _milliseconds = milliseconds;
        _randomHigh = (ushort)random.NextUInt64();
        _randomLow = random.NextUInt64();
    }
}
