using System.Buffers;
using System.Text.Json;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Activities;

/// <summary>
/// The newest events of one tenant, as they are sent, numbered from 1. Every reader looks into this one ring from its own
/// place, so that an event is put into words once and a reader that stands still holds nothing but its place.
/// </summary>
internal sealed class ActivityLane(ulong epoch, int maxItems, long maxBytes)
{
    /// <summary>Largest <see cref="ActivityEvent.Data"/> in bytes.</summary>
    public const int MaxData = 16 * 1024;

    private const int FirstRing = 256;

    private readonly Lock _gate = new();
    private readonly ArrayBufferWriter<byte> _buffer = new(1024);
    private ActivityItem[] _ring = new ActivityItem[Math.Min(FirstRing, maxItems)];
    private long _first = 1;
    private long _next = 1;
    private long _bytes;
    private TaskCompletionSource? _arrival;

    public ulong Epoch => epoch;

    /// <summary>The newest event's place.</summary>
    public ActivityCursor Newest
    {
        get
        {
            lock (_gate)
            {
                return new ActivityCursor(epoch, _next - 1);
            }
        }
    }

    /// <summary>Adds an event and wakes who waits.</summary>
    public void Add(ActivityEvent activity, DateTimeOffset at)
    {
        TaskCompletionSource? arrival;
        lock (_gate)
        {
            var item = new ActivityItem(_next, Clean(activity.Type), activity.AgentId, activity.Role, activity.Category, Render(activity, at));
            while (_next > _first && (_next - _first == maxItems || _bytes + item.Json.Length > maxBytes))
            {
                ref ActivityItem oldest = ref _ring[_first % _ring.Length];
                _bytes -= oldest.Json.Length;
                oldest = null!;
                _first++;
            }

            if (_next - _first == _ring.Length)
            {
                Grow();
            }

            _ring[_next % _ring.Length] = item;
            _bytes += item.Json.Length;
            _next++;
            (arrival, _arrival) = (_arrival, null);
        }

        arrival?.TrySetResult();
    }

    /// <summary>Where a reader that saw everything up to a place goes on, and why it misses something, if it does.</summary>
    public (long Next, ActivityGap? Gap) Resume(ActivityCursor after)
    {
        lock (_gate)
        {
            ActivityGap? gap = after.Epoch != epoch || after.Seq >= _next ? ActivityGap.Restarted : after.Seq + 1 < _first ? ActivityGap.TooOld : null;
            // Nothing that is still here was seen under another epoch, or before what is here began.
            return (gap is null ? after.Seq + 1 : _first, gap);
        }
    }

    /// <summary>Takes what a reader wants, from its place on, and moves the place behind what was looked at.</summary>
    /// <returns>False when events at the place are gone: the reader was too slow.</returns>
    public bool Take(ref long next, ActivityFilter filter, List<ActivityItem> into, int most)
    {
        lock (_gate)
        {
            if (next < _first)
            {
                return false;
            }

            for (; next < _next && into.Count < most; next++)
            {
                ActivityItem item = _ring[next % _ring.Length];
                if (filter.Wants(item))
                {
                    into.Add(item);
                }
            }

            return true;
        }
    }

    /// <summary>Completes once there is an event at or behind a place.</summary>
    public Task ArrivalAsync(long next)
    {
        lock (_gate)
        {
            return _next > next ? Task.CompletedTask : (_arrival ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    private void Grow()
    {
        var larger = new ActivityItem[(int)Math.Min(_ring.Length * 2L, maxItems)];
        for (long seq = _first; seq < _next; seq++)
        {
            larger[seq % larger.Length] = _ring[seq % _ring.Length];
        }

        _ring = larger;
    }

    private byte[] Render(ActivityEvent activity, DateTimeOffset at)
    {
        _buffer.ResetWrittenCount();
        using var writer = new Utf8JsonWriter(_buffer, Reply.WriterOptions);
        writer.WriteStartObject();
        writer.WriteNumber("seq"u8, _next);
        writer.WriteString("id"u8, new ActivityCursor(epoch, _next).ToString());
        writer.WriteString("at"u8, at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", System.Globalization.CultureInfo.InvariantCulture));
        writer.WriteString("type"u8, Clean(activity.Type));
        Optional(writer, "agent_id"u8, activity.AgentId);
        Optional(writer, "role"u8, activity.Role);
        Optional(writer, "category"u8, activity.Category);
        writer.WritePropertyName("data"u8);
        if (activity.Data.Length is 0 or > MaxData)
        {
            writer.WriteStartObject();
            if (activity.Data.Length > 0)
            {
                writer.WriteNumber("omitted_bytes"u8, activity.Data.Length);
            }

            writer.WriteEndObject();
        }
        else
        {
            writer.WriteRawValue(activity.Data.Span, skipInputValidation: true);
        }

        writer.WriteEndObject();
        writer.Flush();
        byte[] json = _buffer.WrittenSpan.ToArray();
        // Inside JSON a raw line end is white space, but it would end a line of server-sent events.
        json.AsSpan().Replace((byte)'\n', (byte)' ');
        json.AsSpan().Replace((byte)'\r', (byte)' ');
        return json;
    }

    /// <summary>A type is the name of a server-sent event, where a line end would begin another line.</summary>
    private static string Clean(string type) => type.AsSpan().ContainsAnyExceptInRange('!', '~') ? string.Concat(type.Select(static c => c is >= '!' and <= '~' ? c : '_')) : type;

    private static void Optional(Utf8JsonWriter writer, ReadOnlySpan<byte> name, string? value)
    {
        if (value is not null)
        {
            writer.WriteString(name, value);
        }
    }
}

/// <summary>One event in a lane.</summary>
/// <param name="Json">The message, as every reader gets it.</param>
internal sealed record ActivityItem(long Seq, string Type, string? AgentId, string? Role, string? Category, byte[] Json);

/// <summary>Why a reader that resumes misses events.</summary>
internal enum ActivityGap
{
    /// <summary>Events are numbered anew: the server was restarted, or nobody of the tenant has watched for a while.</summary>
    Restarted,

    /// <summary>The events behind the place have made room for newer ones.</summary>
    TooOld,
}
