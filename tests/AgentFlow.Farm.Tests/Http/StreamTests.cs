using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using AgentFlow.Farm.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace AgentFlow.Farm.Tests.Http;

/// <summary>The endless stream against a pipe that holds one line, on a clock on which every line is due at once.</summary>
public sealed class StreamTests
{
    private readonly Pipe _pipe = new(new PipeOptions(pauseWriterThreshold: 1, resumeWriterThreshold: 1));
    private readonly DefaultHttpContext _context = new();
    private readonly CancellationTokenSource _left = new();

    public StreamTests()
    {
        _context.Features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(_pipe.Writer.AsStream()));
        _context.RequestAborted = _left.Token;
        _context.Request.QueryString = new QueryString("?rate=100&seed=3");
    }

    [Fact]
    public async Task Stream_ASlowReader_IsWaitedForAndMissesNothing()
    {
        Task streaming = GeneratorEndpoints.StreamAsync(_context, new HurriedClock());
        for (int i = 0; i < 30; i++)
        {
            ReadResult read = await _pipe.Reader.ReadAsync();
            for (int wait = 0; wait < 100; wait++) await Task.Yield();
            // However long nobody reads, one line waits.
            Assert.Single(read.Buffer.ToArray(), c => c == '\n');
            Assert.Equal(i, JsonDocument.Parse(read.Buffer).RootElement.GetProperty("stream_sequence").GetInt32());
            _pipe.Reader.AdvanceTo(read.Buffer.End);
        }

        Assert.False(streaming.IsCompleted);
        await _left.CancelAsync();
        await streaming;
    }

    /// <summary>Whether it waits for the reader, or for the next line's time.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Stream_AReaderThatLeaves_EndsIt(bool isSlow)
    {
        TimeProvider clock = isSlow ? new HurriedClock() : new StoppedClock();
        Task streaming = GeneratorEndpoints.StreamAsync(_context, clock);
        ReadResult read = await _pipe.Reader.ReadAsync();
        if (!isSlow) _pipe.Reader.AdvanceTo(read.Buffer.End);
        await Task.Yield();
        Assert.False(streaming.IsCompleted);
        await _left.CancelAsync();
        await streaming.WaitAsync(TimeSpan.FromMinutes(1));
    }

    /// <summary>Every look at it is an hour later: whatever is waited for is due.</summary>
    private sealed class HurriedClock : TimeProvider
    {
        private long _hours;

        public override long GetTimestamp() => Interlocked.Increment(ref _hours) * TimestampFrequency * 3600;
    }

    /// <summary>Nothing is ever due.</summary>
    private sealed class StoppedClock : TimeProvider
    {
        public override long GetTimestamp() => 1;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => base.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }
}
