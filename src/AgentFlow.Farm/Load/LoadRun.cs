using AgentFlow.Farm.Generation;
using AgentFlow.Farm.Platform;

namespace AgentFlow.Farm.Load;

/// <summary>
/// Puts a platform under an open load: workflows fall due at a steady rate whether or not the platform keeps up, and
/// latency counts from then. A platform that is busy is left alone for as long as it asks for; what it did not take is
/// offered again, so nothing is lost but what is still open when the time for that is over. A workflow is made again from
/// its number when it is sent, so a backlog costs no memory.
/// </summary>
public sealed class LoadRun(LoadRequest request, TimeProvider clock)
{
    private static readonly TimeSpan RequestLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan TellEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);
    private readonly string _key = Guid.CreateVersion7().ToString("N");
    private readonly LatencyHistogram _fromDue = new();
    private readonly LatencyHistogram _answer = new();
    private readonly Lock _gate = new();
    private readonly List<TakenExecution> _executions = [];
    private long _begin;
    private long _taken;
    private long _accepted;
    private long _refused;
    private long _undelivered;
    private long _busy;
    private long _unclear;
    private long _anonymous;
    private long _ended;
    private long _notBefore;
    private string? _firstRefusal;
    private string? _lastProblem;

    private TimeSpan Elapsed => clock.GetElapsedTime(_begin);

    private long Total => (long)(request.Rate * request.Duration.TotalSeconds);

    /// <summary>Runs to its end, or until it is cancelled: then the report says how far it came.</summary>
    public async Task<LoadReport> RunAsync(Action<LoadProgress> progress, CancellationToken cancelled)
    {
        using var platform = new PlatformClient(request.Target, RequestLimit, request.Connections);
        using var telling = new CancellationTokenSource();
        _begin = clock.GetTimestamp();
        Task tells = TellAsync(progress, telling.Token);
        bool interrupted = false;
        TimeSpan elapsed = TimeSpan.Zero;
        ExecutionCounts? executions = null;
        try
        {
            await Task.WhenAll(Enumerable.Range(0, request.Connections).Select(_ => Task.Run(() => OfferAsync(platform, cancelled), cancelled))).ConfigureAwait(false);
            elapsed = Elapsed;
            executions = request.CheckLimit is { } limit ? await CheckAsync(platform, limit, cancelled).ConfigureAwait(false) : null;
        }
        catch (OperationCanceledException) when (cancelled.IsCancellationRequested)
        {
            interrupted = true;
            elapsed = elapsed == TimeSpan.Zero ? Elapsed : elapsed;
        }
        finally
        {
            await telling.CancelAsync().ConfigureAwait(false);
            await tells.ConfigureAwait(false);
        }

        return Report(elapsed, executions, interrupted);
    }

    private long Due => Math.Min(Total, (long)(request.Rate * Elapsed.TotalSeconds) + 1);

    private LoadReport Report(TimeSpan elapsed, ExecutionCounts? executions, bool interrupted)
    {
        long due = interrupted ? Math.Min(Due, Interlocked.Read(ref _taken)) : Total;
        return new LoadReport(
            request.Target.ToString(),
            request.Rate,
            request.Duration.TotalSeconds,
            due,
            _accepted,
            _refused,
            interrupted ? due - _accepted - _refused : _undelivered,
            _busy,
            _unclear,
            Math.Round(elapsed.TotalSeconds, 3),
            elapsed > TimeSpan.Zero ? Math.Round(_accepted / elapsed.TotalSeconds, 2) : 0,
            Percentiles.Of(_fromDue),
            Percentiles.Of(_answer),
            _firstRefusal,
            _lastProblem,
            executions,
            interrupted);
    }

    /// <summary>One of several that take the next workflow in turn, wait until it is due and offer it.</summary>
    private async Task OfferAsync(PlatformClient platform, CancellationToken cancelled)
    {
        while (true)
        {
            long sequence = Interlocked.Increment(ref _taken) - 1;
            if (sequence >= Total)
            {
                return;
            }

            TimeSpan due = TimeSpan.FromSeconds((double)sequence / request.Rate);
            await UntilAsync(due, cancelled).ConfigureAwait(false);
            await DeliverAsync(platform, sequence, due, cancelled).ConfigureAwait(false);
        }
    }

    private async Task DeliverAsync(PlatformClient platform, long sequence, TimeSpan due, CancellationToken cancelled)
    {
        Workflow workflow = WorkflowGenerator.InStream(sequence, request.ChaosRate, request.Seed);
        byte[] body = FarmJson.Canonical(workflow);
        string key = $"{_key}-{workflow.WorkflowId}";
        TimeSpan wait = TimeSpan.FromMilliseconds(200);
        while (true)
        {
            // Somebody else may have been asked to wait: then everybody does.
            await UntilAsync(TimeSpan.FromTicks(Interlocked.Read(ref _notBefore)), cancelled).ConfigureAwait(false);
            if (Elapsed >= request.Duration + request.Drain)
            {
                Interlocked.Increment(ref _undelivered);
                return;
            }

            TimeSpan sent = Elapsed;
            PlatformAnswer answer = await platform.PostWorkflowAsync(body, key, cancelled).ConfigureAwait(false);
            if (answer.Kind == AnswerKind.Ok)
            {
                Accept(answer, sent, due, sequence, workflow.Expected.ExpectedStatus == ExecutionCheck.Completed);
                return;
            }

            lock (_gate)
            {
                _lastProblem = answer.Problem;
                _firstRefusal ??= answer.IsTransient ? null : answer.Problem;
            }

            if (!answer.IsTransient)
            {
                Interlocked.Increment(ref _refused);
                return;
            }

            TimeSpan pause = answer.RetryAfter is { } asked ? TimeSpan.FromTicks(Math.Clamp(asked.Ticks, ShortestPause.Ticks, LongestPause.Ticks)) : wait;
            wait = wait * 2 < LongestPause ? wait * 2 : LongestPause;
            if (answer.Status is 429 or 503)
            {
                Interlocked.Increment(ref _busy);
                HoldUntil(Elapsed + pause);
            }
            else
            {
                Interlocked.Increment(ref _unclear);
                await Task.Delay(pause, clock, cancelled).ConfigureAwait(false);
            }
        }
    }

    private void Accept(PlatformAnswer answer, TimeSpan sent, TimeSpan due, long sequence, bool isToComplete)
    {
        TimeSpan now = Elapsed;
        _answer.Add(now - sent);
        _fromDue.Add(now - due);
        Interlocked.Increment(ref _accepted);
        if (request.CheckLimit is null)
        {
            return;
        }

        if (answer.Body.Text("execution_id") is { Length: > 0 } id)
        {
            lock (_gate)
            {
                _executions.Add(new TakenExecution(id, sequence, isToComplete));
            }
        }
        else
        {
            Interlocked.Increment(ref _anonymous);
        }
    }

    /// <summary>
    /// Asks for every execution until it has ended, in the order in which they were taken: a platform that works on them in that order is
    /// hardly ever asked in vain, and has its time for the work.
    /// </summary>
    private async Task<ExecutionCounts> CheckAsync(PlatformClient platform, TimeSpan limit, CancellationToken cancelled)
    {
        var check = new ExecutionCheck(_anonymous);
        TimeSpan until = Elapsed + limit;
        int next = -1;
        await Task.WhenAll(Enumerable.Range(0, request.Connections).Select(_ => Task.Run(AskAsync, cancelled))).ConfigureAwait(false);
        return check.Counts;

        async Task AskAsync()
        {
            int place;
            while ((place = Interlocked.Increment(ref next)) < _executions.Count)
            {
                TimeSpan pause = ShortestPause;
                bool isOpen;
                while (isOpen = !check.Note(_executions[place], await platform.GetExecutionAsync(_executions[place].Id, cancelled).ConfigureAwait(false)))
                {
                    if (Elapsed >= until)
                    {
                        check.GiveUp();
                        break;
                    }

                    await Task.Delay(pause, clock, cancelled).ConfigureAwait(false);
                    pause = pause < LongestLook ? pause * 2 : LongestLook;
                }

                Interlocked.Add(ref _ended, isOpen ? 0 : 1);
            }
        }
    }

    private async Task TellAsync(Action<LoadProgress> progress, CancellationToken cancelled)
    {
        using var timer = new PeriodicTimer(TellEvery, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(cancelled).ConfigureAwait(false))
            {
                progress(new LoadProgress(Due, Interlocked.Read(ref _accepted), Interlocked.Read(ref _refused), Interlocked.Read(ref _busy), Interlocked.Read(ref _ended)));
            }
        }
        catch (OperationCanceledException)
        {
            // The run is over.
        }
    }

    private void HoldUntil(TimeSpan moment)
    {
        long before;
        while (moment.Ticks > (before = Interlocked.Read(ref _notBefore)) && Interlocked.CompareExchange(ref _notBefore, moment.Ticks, before) != before)
        {
            // Somebody else was faster: compare with theirs.
        }
    }

    /// <param name="moment">Since the start.</param>
    private async Task UntilAsync(TimeSpan moment, CancellationToken cancelled)
    {
        TimeSpan wait = moment - Elapsed;
        if (wait > TimeSpan.Zero)
        {
            await Task.Delay(wait, clock, cancelled).ConfigureAwait(false);
        }
    }
}
