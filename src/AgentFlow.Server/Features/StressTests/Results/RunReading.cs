using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.StressTests;
using AgentFlow.Server.Features.StressTests.Chaos;
using AgentFlow.Server.Features.StressTests.Submissions;

namespace AgentFlow.Server.Features.StressTests.Results;

/// <summary>Something that a run's journal says and that watchers want to know.</summary>
/// <param name="Task">Place of the task that it is about.</param>
internal readonly record struct Happening(string Type, int Task, string? Note = null);

/// <summary>
/// The outcome of one workflow, folded from the journal of its run: feed the events from the first on. What is not in the journal has
/// not happened.
/// </summary>
internal sealed class RunReading
{
    private readonly WorkflowPlan _plan;
    private readonly WorkflowDefinition _definition;
    private readonly JournalHash? _hash;
    private readonly List<(int Task, CallNode? Aside)> _visits = [];
    private readonly List<PlanNode> _nodes = [];
    private long _startedAt;
    private long _cycleEnd;
    private long _endedAt;
    private StepError? _error;

    /// <param name="hash">Hashes the same events, for a result; <see langword="null"/>: nobody wants to know.</param>
    public RunReading(WorkflowPlan plan, WorkflowDefinition definition, JournalHash? hash = null)
    {
        _plan = plan;
        _definition = definition;
        _hash = hash;
        Tasks = [.. plan.Tasks.Select(t => new TaskReading(plan, t))];
    }

    public IReadOnlyList<TaskReading> Tasks { get; }

    public WorkflowPlan Plan => _plan;

    public bool HasEnded => _endedAt != 0;

    public bool HasFailed { get; private set; }

    public long NextSeq { get; private set; }

    public int TasksDone => Tasks.Count(t => t is { IsDone: true, HasFailed: false });

    /// <summary>Applies one event and tells what follows from it for watchers.</summary>
    public void Apply(JournalEvent journalEvent, List<Happening>? told = null)
    {
        NextSeq++;
        _hash?.Apply(journalEvent);
        switch (journalEvent)
        {
            case RunStarted e:
                _startedAt = e.At;
                break;
            case NodeEntered e:
                Enter(e);
                break;
            case StepStarted e when On(e.Id) is not null && e.Attempt == 1:
                told?.Add(new Happening("agent.started_task", _visits[e.Id].Task));
                break;
            case StepSucceeded e when e.Id < _visits.Count && _visits[e.Id].Aside is { } aside:
                Helped(_visits[e.Id].Task, aside);
                break;
            case StepSucceeded e when On(e.Id) is { } task:
                task.Succeed(e.CostNanoDollars);
                task.End(true, null, e.At);
                Done(_visits[e.Id].Task, told);
                break;
            case StepFailed e when On(e.Id) is { } task:
                Struck(task.Fail(e.Error, e.CostNanoDollars), _visits[e.Id].Task, told);
                break;
            case StepDenied e when On(e.Id) is { } task:
                Struck(task.Fail(e.Error, 0), _visits[e.Id].Task, told);
                break;
            case ApprovalRequested e when On(e.Id) is { } task:
                Struck(e.Name == PolicySeam.Name && task.HoldBack(), _visits[e.Id].Task, told);
                told?.Add(new Happening("approval.requested", _visits[e.Id].Task));
                break;
            case ApprovalDecided { Granted: true } e when On(e.Id) is { } task:
                task.Approve(isAgents: e.Name != PolicySeam.Name);
                told?.Add(new Happening("approval.granted", _visits[e.Id].Task));
                break;
            case StepHeld e when On(e.Id) is { } task:
                task.Hold(e.WaitMs);
                break;
            case StepUnknown e when On(e.Id) is { } task:
                Struck(task.Lose(), _visits[e.Id].Task, told);
                break;
            case RemedyStarted e when On(e.Id) is { } task && ((CallNode)_nodes[e.Id]).Remedies[e.Remedy].Call is not null:
                task.BeginRemedy();
                break;
            case RetryScheduled e when On(e.Id) is { } task:
                task.Wait();
                break;
            case NodeFinished e when On(e.Id) is { } task:
                task.End(e.Status == NodeStatus.Succeeded, e.Error, e.At);
                if (e.Status == NodeStatus.Succeeded)
                {
                    Done(_visits[e.Id].Task, told);
                }
                else if (e.Error is not null)
                {
                    Lost(_visits[e.Id].Task, told);
                }

                break;
            case RunCompleted e:
                _endedAt = e.At;
                break;
            case RunFailed e:
                (_endedAt, _error, HasFailed) = (e.At, e.Error, true);
                break;
            case RunCancelled e:
                (_endedAt, HasFailed) = (e.At, true);
                _error = new StepError("RUN_CANCELLED", Contracts.Errors.ErrorCategory.Permanent, e.Reason);
                break;
        }
    }

    /// <summary>The run cannot go on: what its journal says so far is all there will be.</summary>
    public void SetAside(StepError? why, long at)
    {
        (_endedAt, HasFailed) = (at, true);
        _error = why ?? new StepError(Contracts.Errors.ErrorCode.RunDiverged.Code, Contracts.Errors.ErrorCategory.Permanent, "The run was set aside.");
    }

    public WorkflowResultView ToView(Ulid execution, Ulid run, bool isOver)
    {
        (long[] starts, long[] ends) = Timeline();
        bool wasUndone = HasFailed && Tasks.All(t => t is { IsDone: false } or { Task.Compensation: null } or { WasUndone: true });
        (TaskReading Reading, int Index)[] begun = [.. Tasks.Select((t, i) => (Reading: t, Index: i)).Where(t => t.Reading.WasEntered && (!t.Reading.IsOpen || isOver))];
        TaskResultView[] results = [.. begun.Select(t => t.Reading.ToView(_startedAt, starts[t.Index], ends[t.Index], wasUndone))];
        int done = results.Count(r => r.IsDone);
        int failed = results.Count(r => r.HasFailed);
        int struck = results.Count(r => r.ChaosOccurred);
        int recovered = results.Count(r => r.ChaosRecovered is true);
        bool isCompleted = isOver && !HasFailed && done == Tasks.Count;
        string status = !isOver ? "running" : isCompleted ? "completed" : results.Any(r => r.HasFailed) && results.Where(r => r.HasFailed).All(r => r.Recovery == Mechanism.Compensate) ? "partial" : "failed";
        long duration = Math.Max(_cycleEnd, ends.DefaultIfEmpty().Max());
        return new WorkflowResultView
        {
            WorkflowId = _plan.WorkflowId,
            ExecutionId = execution.ToString(),
            RunId = run.ToString(),
            Status = status,
            StartedAt = DateTimeOffset.FromUnixTimeMilliseconds(_startedAt),
            CompletedAt = isOver ? DateTimeOffset.FromUnixTimeMilliseconds(_startedAt + duration) : null,
            TotalTasks = Tasks.Count,
            TasksCompleted = done,
            TasksFailed = failed,
            TasksSkipped = isOver ? Tasks.Count - done - failed : 0,
            TasksRetried = results.Count(r => r.RetryCount > 0),
            ChaosEvents = struck,
            ChaosHandled = recovered,
            TotalDurationMs = duration,
            TotalCostUsd = results.Sum(r => r.CostUsd),
            ErrorMessage = !HasFailed ? null : results.FirstOrDefault(r => r.HasFailed) is { } first ? $"{first.TaskId}: {first.ErrorMessage}" : $"{_error!.Code}: {_error.Message}",
            OutcomeHash = isOver ? Hash(begun.Select(t => t.Reading.SimulatedMs).Zip(results), status) : null,
            JournalHash = isOver ? _hash?.ToHex() : null,
            TaskResults = results,
        };
    }

    /// <summary>The same for the store.</summary>
    public StressOutcome ToOutcome(Ulid execution, Ulid run)
    {
        WorkflowResultView view = ToView(execution, run, isOver: true);
        return new StressOutcome(
            run, view.Status, _startedAt, _endedAt, view.TotalTasks, view.TasksCompleted, view.TasksFailed, view.ChaosEvents, view.ChaosHandled, Tasks.Sum(t => t.Approvals),
            Tasks.Sum(t => t.CostNanoDollars), JsonSerializer.SerializeToUtf8Bytes(view, StressJson.Default.WorkflowResultView));
    }

    private TaskReading? On(int visit) => visit < _visits.Count && _visits[visit] is { Task: >= 0, Aside: null } at ? Tasks[at.Task] : null;

    private void Enter(NodeEntered e)
    {
        PlanNode node = _definition.Nodes[e.Node];
        _nodes.Add(node);
        if (node is CallNode call && (node.IsRemedy || node.IsCompensation))
        {
            _visits.Add((WorkflowCompiler.TaskOf(node.Parent!.Id), call));
            return;
        }

        int task = node is CallNode ? WorkflowCompiler.TaskOf(node.Id) : -1;
        task = task < Tasks.Count ? task : -1;
        _visits.Add((task, null));
        if (task >= 0)
        {
            Tasks[task].Enter(e.At);
        }
    }

    private void Helped(int task, CallNode aside)
    {
        if (task < 0)
        {
            return;
        }

        if (aside.IsCompensation)
        {
            Tasks[task].WasUndone = true;
        }
        else
        {
            Tasks[task].Remedy(aside.Tool.Contract.Id);
        }
    }

    private static void Struck(bool isNew, int task, List<Happening>? told)
    {
        if (isNew)
        {
            told?.Add(new Happening("chaos.injected", task));
        }
    }

    private void Done(int task, List<Happening>? told)
    {
        told?.Add(new Happening("agent.completed_task", task));
        if (Tasks[task].Overcome())
        {
            told?.Add(new Happening("chaos.recovered", task));
        }

        told?.Add(new Happening("workflow.progress", task));
    }

    private void Lost(int task, List<Happening>? told)
    {
        if (Tasks[task].WasStruck)
        {
            told?.Add(new Happening("chaos.failed", task));
        }
    }

    /// <summary>
    /// When each task began and ended, in milliseconds from the start of the workflow: by the journal's clock in real time, otherwise by
    /// what follows from the simulated durations and the dependencies. The iterations of a cycle follow each other.
    /// </summary>
    private (long[] Starts, long[] Ends) Timeline()
    {
        long[] starts = new long[Tasks.Count];
        long[] ends = new long[Tasks.Count];
        if (_plan.IsRealTime)
        {
            for (int i = 0; i < Tasks.Count; i++)
            {
                (starts[i], ends[i]) = Tasks[i].WasEntered ? (Tasks[i].StartedAt - _startedAt, Math.Max(Tasks[i].EndedAt, Tasks[i].StartedAt) - _startedAt) : (0, 0);
            }

            return (starts, ends);
        }

        int[] cycle = [.. Enumerable.Range(0, Tasks.Count).Where(i => Tasks[i].Task.InCycle)];
        long cycleEnd = 0;
        var placed = new bool[Tasks.Count];
        for (bool moved = true; moved;)
        {
            moved = false;
            for (int i = 0; i < Tasks.Count; i++)
            {
                PlannedTask task = Tasks[i].Task;
                if (placed[i] || (!task.InCycle && task.DependsOn.Any(d => !placed[d])))
                {
                    continue;
                }

                if (task.InCycle)
                {
                    if (cycle.SelectMany(t => Tasks[t].Task.DependsOn).Where(d => !Tasks[d].Task.InCycle).All(d => placed[d]))
                    {
                        cycleEnd = _cycleEnd = PlaceCycle(cycle, starts, ends);
                        Array.ForEach(cycle, t => placed[t] = true);
                        moved = true;
                    }

                    continue;
                }

                starts[i] = task.DependsOn.Select(d => Tasks[d].Task.InCycle ? cycleEnd : ends[d]).DefaultIfEmpty().Max();
                ends[i] = starts[i] + Tasks[i].RoundMs.Sum();
                placed[i] = moved = true;
            }
        }

        return (starts, ends);
    }

    private long PlaceCycle(int[] cycle, long[] starts, long[] ends)
    {
        long begin = cycle.SelectMany(t => Tasks[t].Task.DependsOn).Where(d => !Tasks[d].Task.InCycle).Select(d => ends[d]).DefaultIfEmpty().Max();
        int rounds = cycle.Max(t => Tasks[t].RoundMs.Count);
        long first = begin;
        for (int round = 0; round < rounds; round++)
        {
            var at = new Dictionary<int, long>();
            foreach (int t in InOrder(cycle))
            {
                long start = Tasks[t].Task.DependsOn.Where(at.ContainsKey).Select(d => at[d]).DefaultIfEmpty(begin).Max();
                at[t] = start + (round < Tasks[t].RoundMs.Count ? Tasks[t].RoundMs[round] : 0);
                // The first iteration shows the order; later ones lie behind it.
                (starts[t], ends[t]) = round == 0 ? (start, at[t]) : (starts[t], ends[t]);
            }

            begin = at.Values.Max();
        }

        return rounds == 0 ? first : begin;
    }

    private IEnumerable<int> InOrder(int[] cycle)
    {
        var left = new List<int>(cycle);
        while (left.Count > 0)
        {
            int next = left.First(t => Tasks[t].Task.DependsOn.All(d => !left.Contains(d)));
            left.Remove(next);
            yield return next;
        }
    }

    private static string Hash(IEnumerable<(long SimulatedMs, TaskResultView Result)> results, string status)
    {
        var text = new StringBuilder(status);
        foreach ((long ms, TaskResultView r) in results)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{r.TaskId}|{r.Status}|{r.RetryCount}|{r.ChaosType}|{r.ChaosRecovered}|{r.Recovery}|{r.AssignedAgentId}|{ms}|{r.CostUsd}");
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }
}
