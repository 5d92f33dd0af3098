using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.StressTests.Live;

/// <summary>
/// The newest events of stress tests in this process, numbered, so that whoever comes back in time misses nothing. They are for watching:
/// what must not be lost stands in the journals and in the store.
/// </summary>
internal sealed class StressEvents(TimeProvider clock)
{
    private const int Kept = 32_768;

    private static readonly TimeSpan Forgets = TimeSpan.FromMinutes(10);

    private readonly Lock _gate = new();
    private readonly Item[] _ring = new Item[Kept];
    private readonly string _epoch = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6));
    private TaskCompletionSource _arrival = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _next;
    private int _readers;
    private long _leftAt = long.MinValue;

    /// <summary>Whether anybody watches, or did a short while ago: otherwise events need not be put into words.</summary>
    public bool IsWatched
    {
        get
        {
            lock (_gate)
            {
                return _readers > 0 || (_leftAt != long.MinValue && clock.GetElapsedTime(_leftAt) < Forgets);
            }
        }
    }

    /// <summary>The place before what comes next.</summary>
    public long Newest
    {
        get
        {
            lock (_gate)
            {
                return _next - 1;
            }
        }
    }

    public void Tell(string tenant, string type, Action<Utf8JsonWriter> members)
    {
        if (!IsWatched)
        {
            return;
        }

        var buffer = new ArrayBufferWriter<byte>(256);
        using (var w = new Utf8JsonWriter(buffer, Reply.WriterOptions))
        {
            w.WriteStartObject();
            w.WriteString("type"u8, type);
            w.WriteString("timestamp"u8, clock.GetUtcNow());
            members(w);
            w.WriteEndObject();
        }

        TaskCompletionSource arrived;
        lock (_gate)
        {
            _ring[_next % Kept] = new Item(_next, tenant, type, buffer.WrittenMemory);
            _next++;
            arrived = _arrival;
            _arrival = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        arrived.TrySetResult();
    }

    public IDisposable Enter()
    {
        lock (_gate)
        {
            _readers++;
        }

        return new Leaving(this);
    }

    /// <summary>The events behind a place, oldest first, at most so many; and what to wait for when there are none.</summary>
    /// <param name="place">Becomes the last one's, or the newest when none is for the tenant.</param>
    /// <param name="tenant"><see langword="null"/>: of every tenant.</param>
    /// <returns>Whether events between the place and the first one are gone.</returns>
    public bool Take(ref long place, string? tenant, int most, List<Item> items, out Task arrival)
    {
        lock (_gate)
        {
            bool lost = place + 1 < _next - Kept;
            for (place = lost ? _next - Kept - 1 : place; place + 1 < _next && items.Count < most; place++)
            {
                Item item = _ring[(place + 1) % Kept];
                if (tenant is null || item.Tenant == tenant)
                {
                    items.Add(item);
                }
            }

            arrival = items.Count > 0 || place + 1 < _next ? Task.CompletedTask : _arrival.Task;
            return lost;
        }
    }

    /// <summary>How a place is written.</summary>
    public string IdOf(long place) => string.Create(CultureInfo.InvariantCulture, $"{_epoch}-{place}");

    /// <summary>Reads what <see cref="IdOf"/> wrote.</summary>
    /// <returns>False when it was another process, or none: then the oldest that is kept is next.</returns>
    public bool TryRead(string id, out long place)
    {
        place = Math.Max(-1, Newest - Kept);
        return id.StartsWith(_epoch + "-", StringComparison.Ordinal)
            && long.TryParse(id.AsSpan(_epoch.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out long read)
            && read <= Newest
            && (place = read) >= 0;
    }

    public readonly record struct Item(long Place, string Tenant, string Type, ReadOnlyMemory<byte> Json);

    private sealed class Leaving(StressEvents events) : IDisposable
    {
        private int _left;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _left, 1) == 0)
            {
                lock (events._gate)
                {
                    events._readers--;
                    events._leftAt = events._readers == 0 ? Math.Max(1, events.Clock.GetTimestamp()) : events._leftAt;
                }
            }
        }
    }

    private TimeProvider Clock => clock;
}
