using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Costs;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Messaging.InProcess;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Costs;

/// <summary>
/// Learns what steps use from the frames that this process publishes, and brings it to the store now and then. What is lost with
/// a crash are the observations of the last moments; runs that began before this process did teach nothing.
/// </summary>
internal sealed partial class CostKeeping(InProcessBus bus, DefinitionCache definitions, ICostStore store, TimeProvider clock, ILogger log) : IAsyncDisposable
{
    /// <summary>Frames that may wait; more are passed over, since no observation is worth slowing a run.</summary>
    private const int Capacity = 65_536;

    // A run that waits is held here too: this many cost a few megabytes.
    private const int MostRuns = 10_000;

    /// <summary>Steps that are other workflows, whose versions are looked up for one estimate.</summary>
    private const int MostChildren = 256;

    private static readonly TimeSpan CalibrateEvery = TimeSpan.FromSeconds(2);

    /// <summary>Seldom, because each time is a commit beside those that somebody waits for.</summary>
    private static readonly TimeSpan KeepEvery = TimeSpan.FromSeconds(30);

    /// <summary>How long an estimate is compared with runs before it is made again from what was learned meanwhile.</summary>
    private static readonly TimeSpan EstimateFor = TimeSpan.FromSeconds(30);

    private static readonly Meter Meter = new("AgentFlow.Server.Costs");
    private static readonly Counter<long> PreflightTokens = Meter.CreateCounter<long>("cost_preflight_tokens_total", description: "Tokens that runs were expected to use when they started.");
    private static readonly Histogram<double> ErrorRatio = Meter.CreateHistogram<double>("cost_preflight_error_ratio", description: "Distance of a run's estimate from what it used, as a part of the latter.");

    private readonly ConcurrentDictionary<string, Lazy<Task<PlanCostModel>>> _models = new(StringComparer.Ordinal);
    private readonly Dictionary<string, CostBook> _pending = new(StringComparer.Ordinal);
    private readonly Dictionary<string, CostBook> _unkept = new(StringComparer.Ordinal);
    private readonly Dictionary<Ulid, Following> _runs = [];
    private readonly Dictionary<(string Tenant, string Hash), (CostEstimate Estimate, long Version, long At)> _estimates = [];
    private readonly CancellationTokenSource _ending = new();
    private Task _working = Task.CompletedTask;
    private int _isDisposed;

    public void Begin() => _working = Task.Run(WorkAsync, CancellationToken.None);

    /// <summary>What a run of a definition is expected to use.</summary>
    /// <param name="input">What the run gets; <see langword="null"/>: not known.</param>
    public async ValueTask<CostEstimate> EstimateAsync(string tenant, WorkflowDefinition definition, Payload? input, CancellationToken cancellationToken)
    {
        PlanCostModel model = await ModelAsync(tenant).WaitAsync(cancellationToken).ConfigureAwait(false);
        return model.Estimate(definition, input, await ChildrenAsync(tenant, definition, cancellationToken).ConfigureAwait(false));
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
        {
            await _ending.CancelAsync().ConfigureAwait(false);
            await _working.ConfigureAwait(false);
            _ending.Dispose();
        }
    }

    /// <summary>The versions that would do steps now, also those of children.</summary>
    private async ValueTask<Dictionary<ChildCall, WorkflowDefinition>> ChildrenAsync(string tenant, WorkflowDefinition definition, CancellationToken cancellationToken)
    {
        var children = new Dictionary<ChildCall, WorkflowDefinition>();
        var open = new Queue<WorkflowDefinition>([definition]);
        while (children.Count < MostChildren && open.TryDequeue(out WorkflowDefinition? parent))
        {
            foreach (ChildCall child in parent.Nodes.OfType<CallNode>().Select(c => c.Child).OfType<ChildCall>())
            {
                try
                {
                    (WorkflowDefinition? version, _) = await definitions.FindAsync(tenant, child.Workflow, child.Versions, cancellationToken).ConfigureAwait(false);
                    if (version is not null && children.TryAdd(child, version))
                    {
                        open.Enqueue(version);
                    }
                }
                catch (RunUnreadableException)
                {
                    // It will fail, or be mended by then: what was seen of the step stands for it.
                }
            }
        }

        return children;
    }

    private Task<PlanCostModel> ModelAsync(string tenant)
    {
        Lazy<Task<PlanCostModel>> model = _models.GetOrAdd(tenant, t => new Lazy<Task<PlanCostModel>>(() => ReadAsync(t)));
        if (model.Value.IsFaulted)
        {
            // The store was away; the next one asks again.
            _models.TryRemove(KeyValuePair.Create(tenant, model));
        }

        return model.Value;
    }

    private async Task<PlanCostModel> ReadAsync(string tenant)
    {
        var model = new PlanCostModel();
        model.Calibrate(await store.ReadAsync(tenant, CancellationToken.None).ConfigureAwait(false));
        return model;
    }

    private async Task WorkAsync()
    {
        while (!_ending.IsCancellationRequested)
        {
            using InProcessBus.Subscription subscription = bus.Subscribe(Capacity, static _ => true);
            try
            {
                await FollowAsync(subscription).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                break;
            }
            catch (SlowConsumerException)
            {
                // Runs with a gap would teach wrong things.
                _runs.Clear();
            }
        }

        await CalibrateAsync().ConfigureAwait(false);
        await KeepAsync().ConfigureAwait(false);
    }

    private async Task FollowAsync(InProcessBus.Subscription subscription)
    {
        long kept = clock.GetTimestamp();
        long calibrated = kept;
        using var tick = new PeriodicTimer(CalibrateEvery, clock);
        Task<bool> ticking = tick.WaitForNextTickAsync(_ending.Token).AsTask();
        Task<bool> arriving = subscription.Frames.WaitToReadAsync(_ending.Token).AsTask();
        while (true)
        {
            await (await Task.WhenAny(ticking, arriving).ConfigureAwait(false)).ConfigureAwait(false);
            if (arriving.IsCompleted)
            {
                await arriving.ConfigureAwait(false);
                while (subscription.Frames.TryRead(out CommittedFrame? frame))
                {
                    await LearnAsync(frame).ConfigureAwait(false);
                }

                arriving = subscription.Frames.WaitToReadAsync(_ending.Token).AsTask();
            }

            if (ticking.IsCompleted || clock.GetElapsedTime(calibrated) > CalibrateEvery)
            {
                calibrated = clock.GetTimestamp();
                await CalibrateAsync().ConfigureAwait(false);
                ticking = ticking.IsCompleted ? tick.WaitForNextTickAsync(_ending.Token).AsTask() : ticking;
            }

            if (clock.GetElapsedTime(kept) >= KeepEvery)
            {
                kept = clock.GetTimestamp();
                await KeepAsync().ConfigureAwait(false);
            }
        }
    }

    private async ValueTask LearnAsync(CommittedFrame frame)
    {
        try
        {
            if (!_runs.TryGetValue(frame.Run, out Following? following))
            {
                if (frame.FirstSeq != 0 || frame.Events is not [RunStarted started, ..])
                {
                    return;
                }

                WorkflowDefinition definition = await definitions.GetAsync(frame.Tenant, started.DefinitionHash, CancellationToken.None).ConfigureAwait(false);
                CostEstimate expected = await ExpectedAsync(frame.Tenant, definition).ConfigureAwait(false);
                // Children count for themselves when they start.
                PreflightTokens.Add((long)expected.OwnTokens.P50);
                if (_runs.Count >= MostRuns)
                {
                    _runs.Clear();
                }

                _runs[frame.Run] = following = new Following(new CostFold(definition), expected);
            }

            if (!_pending.TryGetValue(frame.Tenant, out CostBook? book))
            {
                _pending[frame.Tenant] = book = new CostBook();
            }

            foreach (JournalEvent happened in frame.Events)
            {
                following.Fold.Apply(happened, book);
            }

            if (following.Fold.HasEnded)
            {
                _runs.Remove(frame.Run);
                Compare(following);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // One run that cannot be followed is one observation less.
            _runs.Remove(frame.Run);
            NotLearned(log, frame.Run, e);
        }
    }

    /// <summary>The latest estimate; a new one only when something was learned and the old one is no longer fresh.</summary>
    private async ValueTask<CostEstimate> ExpectedAsync(string tenant, WorkflowDefinition definition)
    {
        PlanCostModel model = await ModelAsync(tenant).ConfigureAwait(false);
        if (_estimates.TryGetValue((tenant, definition.Hash), out var known) && (clock.GetElapsedTime(known.At) < EstimateFor || known.Version == model.Version))
        {
            return known.Estimate;
        }

        CostEstimate estimate = model.Estimate(definition, children: await ChildrenAsync(tenant, definition, CancellationToken.None).ConfigureAwait(false));
        _estimates[(tenant, definition.Hash)] = (estimate, model.Version, clock.GetTimestamp());
        return estimate;
    }

    private static void Compare(Following run)
    {
        // Tokens of children are on their own record alone, what they cost is on both.
        Record("tokens", run.Expected.OwnTokens.Mean, run.Fold.Tokens);
        Record("dollars", run.Expected.NanoDollars.Mean, run.Fold.CostNanoDollars);

        static void Record(string quantity, double expected, double used)
        {
            if (used > 0)
            {
                ErrorRatio.Record(Math.Abs(expected - used) / used, KeyValuePair.Create<string, object?>("quantity", quantity));
            }
        }
    }

    /// <summary>Lets the next estimates know what was observed.</summary>
    private async Task CalibrateAsync()
    {
        foreach ((string tenant, CostBook book) in _pending)
        {
            KeyValuePair<CostKey, Moments>[] observed = book.Take();
            if (observed.Length == 0)
            {
                continue;
            }

            try
            {
                // Read before it is added to: otherwise what is read has it as well.
                (await ModelAsync(tenant).ConfigureAwait(false)).Calibrate(observed);
            }
            catch (Exception e)
            {
                NotKept(log, tenant, e);
                PutBack(book, observed);
                continue;
            }

            if (!_unkept.TryGetValue(tenant, out CostBook? unkept))
            {
                _unkept[tenant] = unkept = new CostBook();
            }

            PutBack(unkept, observed);
        }
    }

    private async Task KeepAsync()
    {
        foreach ((string tenant, CostBook book) in _unkept)
        {
            KeyValuePair<CostKey, Moments>[] observed = book.Take();
            if (observed.Length == 0)
            {
                continue;
            }

            try
            {
                await store.AddAsync(tenant, observed, CancellationToken.None).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                NotKept(log, tenant, e);
                PutBack(book, observed);
            }
        }
    }

    private static void PutBack(CostBook book, KeyValuePair<CostKey, Moments>[] observed)
    {
        foreach ((CostKey key, Moments moments) in observed)
        {
            book.Add(key, moments);
        }
    }

    private sealed record Following(CostFold Fold, CostEstimate Expected);

    [LoggerMessage(1, LogLevel.Debug, "Nothing was learned from the costs of run {Run}")]
    private static partial void NotLearned(ILogger logger, Ulid run, Exception exception);

    [LoggerMessage(2, LogLevel.Warning, "The observed costs of tenant {Tenant} could not be stored; trying again with the next ones")]
    private static partial void NotKept(ILogger logger, string tenant, Exception exception);
}
