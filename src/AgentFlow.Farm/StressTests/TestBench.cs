using System.Collections.Concurrent;
using AgentFlow.Farm.Generation;
using AgentFlow.Farm.History;

namespace AgentFlow.Farm.StressTests;

/// <summary>
/// Where stress tests run: each is on record before it starts and when it has ended, whatever becomes of it. Disposing
/// stops those that are under way.
/// </summary>
public sealed class TestBench : IAsyncDisposable
{
    /// <summary>Most tests at once.</summary>
    public const int Places = 8;

    private static readonly TimeSpan BeatEvery = TimeSpan.FromSeconds(5);
    private readonly RunHistory _history;
    private readonly StressTestOptions _options;
    private readonly TimeProvider _clock;
    private readonly CancellationTokenSource _stop = new();
    private readonly SemaphoreSlim _places = new(Places, Places);
    private readonly ConcurrentDictionary<string, Task<StressTestRun>> _underWay = new(StringComparer.Ordinal);

    /// <param name="history">Stays the caller's.</param>
    public TestBench(RunHistory history, StressTestOptions options, TimeProvider clock) => (_history, _options, _clock) = (history, options, clock);

    /// <summary>Starts a test.</summary>
    /// <param name="progress">Called from the test, in order.</param>
    /// <returns>Its record, and its end; <see langword="null"/> when all places are taken.</returns>
    /// <exception cref="HistoryException">The record cannot be written; the test did not start.</exception>
    public (StressTestRun Started, Task<StressTestRun> Ended)? TryStart(StressTestRequest request, Action<StressTestProgress>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (!_places.Wait(0, CancellationToken.None))
        {
            return null;
        }

        try
        {
            Scenario scenario = ScenarioGenerator.Generate(request.Scale, request.WorkflowCount, request.ChaosRate, request.Seed);
            var started = new StressTestRun(
                $"run-{Guid.CreateVersion7():N}",
                StressTestStatus.Running,
                StressTestOutcome.Pending,
                request.Target.ToString(),
                request.Target.Tenant,
                request.Scale.Name,
                request.WorkflowCount,
                request.ChaosRate,
                request.Seed,
                scenario.ScenarioId,
                _clock.GetUtcNow());
            _history.Start(started);
            Task<StressTestRun> ended = Task.Run(() => RunAsync(new StressTest(request, started, scenario, _options, _clock, progress ?? (static _ => { })), started), CancellationToken.None);
            _underWay[started.RunId] = ended;
            _ = ended.ContinueWith(_ => _underWay.TryRemove(started.RunId, out Task<StressTestRun>? _), TaskScheduler.Default);
            return (started, ended);
        }
        catch
        {
            _places.Release();
            throw;
        }
    }

    /// <summary>Stops the tests that are under way; their records say so.</summary>
    public Task StopAsync() => _stop.CancelAsync();

    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        await Task.WhenAll(_underWay.Values).ContinueWith(static _ => { }, TaskScheduler.Default).ConfigureAwait(false);
        _stop.Dispose();
        _places.Dispose();
    }

    private async Task<StressTestRun> RunAsync(StressTest test, StressTestRun started)
    {
        using var beating = new CancellationTokenSource();
        Task beats = BeatAsync(started.RunId, beating.Token);
        StressTestRun ended;
        try
        {
            ended = await test.RunAsync(_stop.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // The boundary of a test: whatever happened in it, its record must say so.
            string error = e is OperationCanceledException ? "FARM was stopped before the test ended. Start it again." : $"FARM itself failed: {e.Message}";
            ended = started with { Status = StressTestStatus.ExecutionError, Outcome = StressTestOutcome.Failed, CompletedAt = _clock.GetUtcNow(), Error = error };
        }

        try
        {
            await beating.CancelAsync().ConfigureAwait(false);
            await beats.ConfigureAwait(false);
            _history.Finish(ended);
            return ended;
        }
        finally
        {
            _places.Release();
        }
    }

    private async Task BeatAsync(string run, CancellationToken cancelled)
    {
        using var timer = new PeriodicTimer(BeatEvery, _clock);
        try
        {
            while (await timer.WaitForNextTickAsync(cancelled).ConfigureAwait(false))
            {
                _history.Beat(run);
            }
        }
        catch (OperationCanceledException)
        {
            // The test has ended.
        }
        catch (HistoryException)
        {
            // The end is written in any case, and says what is wrong with the file.
        }
    }
}
