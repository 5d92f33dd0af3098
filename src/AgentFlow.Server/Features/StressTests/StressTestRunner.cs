using System.Collections.Concurrent;
using System.Text.Json;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.StressTests;
using AgentFlow.Server.Features.Access.Quotas;
using AgentFlow.Server.Features.Runs;
using AgentFlow.Server.Features.StressTests.Live;
using AgentFlow.Server.Features.StressTests.Results;
using AgentFlow.Server.Features.StressTests.Submissions;
using AgentFlow.Server.Features.Workflows;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.StressTests;

/// <summary>A workflow whose run is under way.</summary>
internal sealed record ActiveWorkflow(StressWorkflow Row, WorkflowPlan Plan, WorkflowDefinition Definition, Ulid Run);

/// <summary>
/// Runs what was accepted: publishes each workflow's definition, starts its run under a key that names the execution, and notes what the
/// run's journal says once it has ended. Whatever a process leaves behind, the next one takes up: the same execution is the same run.
/// </summary>
internal sealed partial class StressTestRunner(
    IStressTestStore store,
    RunHost host,
    PublishedWorkflows workflows,
    DefinitionCache definitions,
    RunReader reader,
    TenantQuotas quotas,
    StressEvents events,
    TimeProvider clock,
    ILogger log) : BackgroundService
{
    private const int MostKept = 50_000;
    private const int AtOnce = 192;
    private const int MostDefinitions = 2048;
    private const string Starter = "stress-test";

    private static readonly TimeSpan LookAround = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(250);

    private readonly ConcurrentDictionary<Ulid, byte> _taken = new();
    private readonly ConcurrentDictionary<Ulid, ActiveWorkflow> _byExecution = new();
    private readonly ConcurrentDictionary<Ulid, ActiveWorkflow> _byRun = new();
    private readonly ConcurrentDictionary<(string Tenant, string Name), WorkflowDefinition> _published = new();
    private readonly ConcurrentDictionary<Ulid, int> _left = new();
    private readonly SemaphoreSlim _news = new(0);
    private long _pending;

    /// <summary>Workflows accepted and not ended from which on further ones are refused: 50,000, or what the setting for waiting runs says where that is less.</summary>
    public int MostPending => Math.Min(MostKept, host.MaxQueued);

    /// <summary>Accepted and not ended, as far as this process knows.</summary>
    public long Pending => Interlocked.Read(ref _pending);

    /// <summary>A tenant's workflows whose runs are under way.</summary>
    public int ActiveOf(string tenant) => _byExecution.Values.Count(a => a.Row.Tenant == tenant);

    /// <summary>A workflow whose run this process has started.</summary>
    public ActiveWorkflow? FindByRun(Ulid run) => _byRun.GetValueOrDefault(run);

    public ActiveWorkflow? Find(Ulid execution) => _byExecution.GetValueOrDefault(execution);

    /// <summary>Something was accepted.</summary>
    public void Accepted(int workflows)
    {
        Interlocked.Add(ref _pending, workflows);
        _news.Release();
    }

    /// <summary>The outcome of a run, as its journal has it now.</summary>
    public async Task<RunReading> ReadAsync(ActiveWorkflow active, CancellationToken cancellationToken)
    {
        var reading = new RunReading(active.Plan, active.Definition, new JournalHash(active.Run, active.Definition));
        await foreach ((_, IReadOnlyList<JournalEvent> journal) in reader.FramesAsync(active.Row.Tenant, active.Run, 0, reader.Blobs(active.Row.Tenant), cancellationToken).ConfigureAwait(false))
        {
            foreach (JournalEvent journalEvent in journal)
            {
                reading.Apply(journalEvent);
            }
        }

        return reading;
    }

    /// <summary>What a round has come to by now.</summary>
    public async Task<ScenarioResultView> ResultAsync(StressScenario scenario, bool isOver, CancellationToken cancellationToken)
    {
        ScenarioPlan plan = JsonSerializer.Deserialize(scenario.Document.Span, StressJson.Default.ScenarioPlan)!;
        IReadOnlyList<StressWorkflow> rows = await store.WorkflowsAsync(scenario.Tenant, scenario.Round, cancellationToken).ConfigureAwait(false);
        DateTimeOffset? ended = isOver ? DateTimeOffset.FromUnixTimeMilliseconds(rows.Select(r => r.Outcome?.EndedAt ?? 0).Append(scenario.ReceivedAt).Max()) : null;
        return ScenarioJudge.Judge(plan, [.. rows.Select(ToView)], DateTimeOffset.FromUnixTimeMilliseconds(scenario.ReceivedAt), clock.GetUtcNow(), ended);
    }

    public WorkflowResultView ToView(StressWorkflow row) => row.Outcome is { } outcome
        ? JsonSerializer.Deserialize(outcome.Details.Span, StressJson.Default.WorkflowResultView)!
        : new WorkflowResultView { WorkflowId = row.Workflow, ExecutionId = row.Id.ToString(), Status = _byExecution.ContainsKey(row.Id) ? "running" : "pending" };

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        bool looksAnew = true;
        long after = 0;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (looksAnew)
                {
                    looksAnew = false;
                    after = 0;
                    await FinishScenariosAsync(stoppingToken).ConfigureAwait(false);
                    Interlocked.Exchange(ref _pending, await store.CountPendingAsync(stoppingToken).ConfigureAwait(false));
                }

                int room = AtOnce - _taken.Count;
                IReadOnlyList<StressWorkflow> page = room > 0 ? await store.PendingAsync(after, room, stoppingToken).ConfigureAwait(false) : [];
                foreach (StressWorkflow row in page.Where(r => _taken.TryAdd(r.Id, 0)))
                {
                    _ = RunAsync(row, stoppingToken);
                }

                after = page.Count > 0 ? page[^1].Number : after;
                if (page.Count < room || room <= 0)
                {
                    looksAnew = !await _news.WaitAsync(LookAround, stoppingToken).ConfigureAwait(false);
                    while (_news.Wait(0, CancellationToken.None))
                    {
                        // All of it is seen with the next look.
                    }
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                RoundFailed(log, e);
                looksAnew = true;
                await Task.Delay(LookAround, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task RunAsync(StressWorkflow row, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await RunToItsEndAsync(row, stopping).ConfigureAwait(false);
                break;
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is EngineSaturatedException or RunQuotaException)
            {
                // It waits in the store until there is room for its run.
                await Task.Delay(Again, clock, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (EngineStoppingException)
            {
                return;
            }
            catch (Exception e)
            {
                WorkflowFailed(log, row.Id, row.Workflow, e);
                await Task.Delay(LookAround, clock, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        _taken.TryRemove(row.Id, out _);
        _news.Release();
    }

    private async Task RunToItsEndAsync(StressWorkflow row, CancellationToken cancellationToken)
    {
        WorkflowPlan plan = WorkflowPlan.FromJson(row.Document.Span);
        WorkflowDefinition definition = await PublishAsync(row.Tenant, plan, cancellationToken).ConfigureAwait(false);
        string execution = row.Id.ToString();
        long? mostRuns = await quotas.MaxRunsAsync(row.Tenant, cancellationToken).ConfigureAwait(false);
        RunTicket ticket = host.Launch(new StartRequest(row.Tenant, definition, new Payload(row.Document), Starter, IdempotencyKey: $"{Starter}/{execution}", RequestHash: execution) { MaxRuns = mostRuns });
        StartOutcome start = await ticket.Accepted.WaitAsync(cancellationToken).ConfigureAwait(false);
        var active = new ActiveWorkflow(row, plan, definition, start.Run);
        _byExecution[row.Id] = active;
        _byRun[start.Run] = active;
        try
        {
            RunEnd? end = start.IsNew ? await ticket.Ended.WaitAsync(cancellationToken).ConfigureAwait(false) : await host.WaitAsync(row.Tenant, start.Run, cancellationToken).ConfigureAwait(false);
            RunReading reading = await ReadAsync(active, cancellationToken).ConfigureAwait(false);
            if (!reading.HasEnded)
            {
                reading.SetAside(end?.Error, clock.GetUtcNow().ToUnixTimeMilliseconds());
            }

            StressOutcome outcome = reading.ToOutcome(row.Id, start.Run);
            await store.EndWorkflowAsync(row.Tenant, row.Id, outcome, cancellationToken).ConfigureAwait(false);
            Interlocked.Decrement(ref _pending);
            await ToldAsync(row, plan, outcome, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _byExecution.TryRemove(row.Id, out _);
            _byRun.TryRemove(start.Run, out _);
        }
    }

    private async Task<WorkflowDefinition> PublishAsync(string tenant, WorkflowPlan plan, CancellationToken cancellationToken)
    {
        WorkflowSource source = WorkflowCompiler.Compile(plan);
        string name = WorkflowCompiler.NameOf(source);
        if (_published.TryGetValue((tenant, name), out WorkflowDefinition? known))
        {
            return known;
        }

        Engine.Definitions.Loading.LoadResult loaded = workflows.Check(source);
        WorkflowDefinition definition = loaded.Definition ?? throw new FormatException(loaded.Diagnostics.First(d => d.IsError).ToString());
        await workflows.SaveAsync(tenant, definition, CatalogueLimits.None, cancellationToken).ConfigureAwait(false);
        definitions.Add(tenant, definition);
        if (_published.Count >= MostDefinitions)
        {
            _published.Clear();
        }

        return _published.GetOrAdd((tenant, name), definition);
    }

    private async Task ToldAsync(StressWorkflow row, WorkflowPlan plan, StressOutcome outcome, CancellationToken cancellationToken)
    {
        events.Tell(row.Tenant, outcome.Status == "completed" ? "workflow.completed" : "workflow.failed", w =>
        {
            w.WriteString("workflow_id"u8, plan.WorkflowId);
            w.WriteString("execution_id"u8, row.Id.ToString());
            if (plan.ScenarioId is { } id)
            {
                w.WriteString("scenario_id"u8, id);
            }

            w.WriteString("status"u8, outcome.Status);
            w.WriteNumber("tasks_completed"u8, outcome.TasksCompleted);
            w.WriteNumber("tasks_failed"u8, outcome.TasksFailed);
            w.WriteNumber("chaos_events"u8, outcome.Faults);
            w.WriteNumber("chaos_recovered"u8, outcome.Recovered);
        });
        if (row.Round is not { } round)
        {
            return;
        }

        if (!_left.ContainsKey(round))
        {
            IReadOnlyList<StressWorkflow> all = await store.WorkflowsAsync(row.Tenant, round, cancellationToken).ConfigureAwait(false);
            _left.TryAdd(round, all.Count(w => w.Outcome is null) + 1);
        }

        int left = _left.AddOrUpdate(round, 0, static (_, n) => n - 1);
        events.Tell(row.Tenant, "scenario.progress", w =>
        {
            w.WriteString("scenario_id"u8, plan.ScenarioId);
            w.WriteNumber("remaining"u8, Math.Max(left, 0));
        });
        if (left <= 0)
        {
            await FinishScenariosAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Judges rounds of which every workflow has ended.</summary>
    private async Task FinishScenariosAsync(CancellationToken cancellationToken)
    {
        foreach (StressScenario scenario in await store.OpenScenariosAsync(cancellationToken).ConfigureAwait(false))
        {
            IReadOnlyList<StressWorkflow> rows = await store.WorkflowsAsync(scenario.Tenant, scenario.Round, cancellationToken).ConfigureAwait(false);
            int left = rows.Count(r => r.Outcome is null);
            if (left > 0)
            {
                continue;
            }

            ScenarioResultView result = await ResultAsync(scenario, isOver: true, cancellationToken).ConfigureAwait(false);
            byte[] json = JsonSerializer.SerializeToUtf8Bytes(result, StressJson.Default.ScenarioResultView);
            if (await store.EndScenarioAsync(scenario.Tenant, scenario.Round, json, result.CompletedAt!.Value.ToUnixTimeMilliseconds(), cancellationToken).ConfigureAwait(false))
            {
                _left.TryRemove(scenario.Round, out _);
                events.Tell(scenario.Tenant, "scenario.completed", w =>
                {
                    w.WriteString("scenario_id"u8, scenario.Id);
                    w.WriteString("verdict"u8, result.Verdict);
                    w.WriteNumber("completed"u8, result.WorkflowsCompleted);
                    w.WriteNumber("failed"u8, result.WorkflowsFailed);
                    w.WriteNumber("completion_rate"u8, result.CompletionRate);
                    w.WriteNumber("chaos_recovery_rate"u8, result.ChaosRecoveryRate);
                    w.WriteNumber("duration_ms"u8, result.TotalDurationMs);
                });
            }
        }
    }

    public override void Dispose()
    {
        _news.Dispose();
        base.Dispose();
    }

    [LoggerMessage(1, LogLevel.Error, "Stress tests are not taken up at present; trying again")]
    private static partial void RoundFailed(ILogger logger, Exception exception);

    [LoggerMessage(2, LogLevel.Error, "Execution {Execution} of stress-test workflow {Workflow} could not be run; trying again")]
    private static partial void WorkflowFailed(ILogger logger, Ulid execution, string workflow, Exception exception);
}
