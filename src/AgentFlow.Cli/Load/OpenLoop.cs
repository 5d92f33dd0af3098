using System.Diagnostics;
using System.Threading.Channels;

namespace AgentFlow.Cli.Load;

/// <summary>
/// Begins requests at their times, whatever becomes of those before. A time is measured from when a request should have begun: a
/// server that stands still for a second cannot hide it by being asked less.
/// </summary>
internal static class OpenLoop
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);

    /// <param name="count">Requests.</param>
    /// <param name="rate">A second.</param>
    /// <param name="workers">Most under way at once.</param>
    /// <param name="begin">Sends one; gets its number.</param>
    /// <param name="done">Gets the number and the time from when it should have begun; called by several threads.</param>
    /// <returns>How late requests were handed over, at most.</returns>
    public static async Task<TimeSpan> RunAsync(int count, double rate, int workers, Func<int, CancellationToken, Task> begin, Action<int, TimeSpan> done, CancellationToken cancelled)
    {
        var due = Channel.CreateUnbounded<(int Number, long At)>(new UnboundedChannelOptions { SingleWriter = true });
        Task[] working = [.. Enumerable.Range(0, workers).Select(_ => Task.Run(WorkAsync, CancellationToken.None))];
        var latest = TimeSpan.Zero;
        try
        {
            latest = await Task.Factory.StartNew(Schedule, cancelled, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
        finally
        {
            due.Writer.TryComplete();
            await Task.WhenAll(working);
        }

        return latest;

        // A thread of its own: timers of the pool come late when the pool is busy with answers.
        TimeSpan Schedule()
        {
            long start = Stopwatch.GetTimestamp();
            var worst = TimeSpan.Zero;
            for (int next = 0; next < count;)
            {
                cancelled.ThrowIfCancellationRequested();
                long now = Stopwatch.GetTimestamp();
                for (long at; next < count && (at = start + (long)(next / rate * Stopwatch.Frequency)) <= now; next++)
                {
                    due.Writer.TryWrite((next, at));
                    TimeSpan late = Stopwatch.GetElapsedTime(at, now);
                    worst = late > worst ? late : worst;
                }

                Thread.Sleep(Pause);
            }

            return worst;
        }

        async Task WorkAsync()
        {
            await foreach ((int number, long at) in due.Reader.ReadAllAsync(cancelled))
            {
                await begin(number, cancelled);
                done(number, Stopwatch.GetElapsedTime(at));
            }
        }
    }
}
