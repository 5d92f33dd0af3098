using AgentFlow.Engine.Ports;
using AgentFlow.Server.Features.StressTests.Chaos;
using AgentFlow.Server.Features.StressTests.Simulation;
using AgentFlow.Server.Features.StressTests.Submissions;

namespace AgentFlow.Server.Features.StressTests.Results;

/// <summary>What a run's journal says about one task; of a cycle's, about all its iterations together.</summary>
internal sealed class TaskReading(WorkflowPlan plan, PlannedTask task)
{
    private readonly List<long> _roundMs = [];
    private readonly HashSet<string> _recoveries = new(StringComparer.Ordinal);
    private long _roundStartedAt;
    private long _ms;
    private int _waits;
    private int _tries;
    private bool _hasJustFailed;
    private bool _wasOvercome;

    public PlannedTask Task => task;

    public bool WasEntered { get; private set; }

    public bool IsOpen { get; private set; }

    /// <summary>Its last iteration succeeded.</summary>
    public bool IsDone { get; private set; }

    public bool HasFailed { get; private set; }

    public StepError? Error { get; private set; }

    public bool WasStruck { get; private set; }

    public bool WasUndone { get; set; }

    public int Failures { get; private set; }

    public int Approvals { get; private set; }

    /// <summary>
    /// What the rates of its agent made it wait. Who waits depends on who comes first, so that it is no part of the outcome.
    /// </summary>
    public long HeldMs { get; private set; }

    public long CostNanoDollars { get; private set; }

    /// <summary>Real times, in Unix milliseconds.</summary>
    public long StartedAt { get; private set; }

    public long EndedAt { get; private set; }

    /// <summary>What was done about failures, in the words of <see cref="Mechanism"/>.</summary>
    public IReadOnlyCollection<string> Recoveries => _recoveries;

    /// <summary>Milliseconds of each iteration: simulated ones, or in real time the journal's.</summary>
    public IReadOnlyList<long> RoundMs => _roundMs;

    /// <summary>Simulated milliseconds of all iterations, whatever time is used.</summary>
    public long SimulatedMs { get; private set; }

    private string AgentId => plan.Agents[task.Agent].AgentId;

    public void Enter(long at)
    {
        StartedAt = WasEntered ? StartedAt : at;
        WasEntered = IsOpen = true;
        IsDone = false;
        _roundStartedAt = at;
        _ms = 0;
        _tries = _waits = 0;
    }

    /// <returns>Whether the fault that was planted has shown for the first time.</returns>
    public bool Fail(StepError error, long cost)
    {
        Error = error;
        CostNanoDollars += cost;
        Failures++;
        _ms += error.Code == Contracts.Errors.ErrorCode.StepTimeout.Code ? SimulatedDurations.Limit(task)
            : error.Code == Contracts.Errors.ErrorCode.AgentUnavailable.Code ? plan.Agents[task.Agent].MeanLatencyMs
            : error.Code is "AGENTS_DISAGREE" or "OUTPUT_INVALID" ? WorkMs()
            : SimulatedDurations.Refusal;
        _tries++;
        _hasJustFailed = true;
        return Strike(task.Fault is { } fault && FaultInjector.Explains(fault, error));
    }

    /// <summary>A try is lost with the memory of its run.</summary>
    public bool Lose()
    {
        // Another task's crash takes this one's try along, or does not: that is no part of its outcome.
        bool isOwn = task.Fault is { } fault && FaultInjector.IsCrash(fault);
        if (isOwn && plan.Has(Mechanism.Rebuild))
        {
            _recoveries.Add(Mechanism.Rebuild);
        }

        return Strike(isOwn);
    }

    public bool HoldBack() => Strike(task.Fault is { } fault && FaultInjector.IsHeldBack(fault));

    /// <param name="isAgents">Its agent's policy wanted the approval: nothing had gone wrong, and a simulation answers at once.</param>
    public void Approve(bool isAgents)
    {
        Approvals++;
        if (isAgents)
        {
            return;
        }

        _ms += SimulatedDurations.Approval;
        _recoveries.Add(Mechanism.Approve);
    }

    /// <summary>A rate of the agent is used up.</summary>
    public void Hold(long waitMs) => HeldMs += waitMs;

    /// <summary>Something is called to help: what follows is no wait.</summary>
    public void BeginRemedy() => _hasJustFailed = false;

    /// <summary>The next try is due after a while.</summary>
    public void Wait()
    {
        if (!_hasJustFailed)
        {
            return;
        }

        _hasJustFailed = false;
        _waits++;
        _ms += Math.Max(SimulatedDurations.Wait(_waits), task.Fault is { } fault && Error is { } error && FaultInjector.Explains(fault, error) ? fault.DelayMs : 0);
        _recoveries.Add(Error?.Code == Contracts.Errors.ErrorCode.RateLimited.Code ? Mechanism.Backoff : Error?.Code == Contracts.Errors.ErrorCode.ConnectFailed.Code ? Mechanism.Queue : Mechanism.Retry);
    }

    public void Remedy(string tool)
    {
        _ms += SimulatedDurations.Remedy(task);
        _recoveries.Add(tool switch { SimulatedTools.Adjudicate => Mechanism.Adjudicate, SimulatedTools.Summarize => Mechanism.Summarize, _ => Mechanism.Repair });
    }

    public void Succeed(long cost)
    {
        CostNanoDollars += cost;
        _ms += WorkMs();
    }

    public void End(bool succeeded, StepError? error, long at)
    {
        if (!IsOpen)
        {
            return;
        }

        IsOpen = false;
        IsDone = succeeded;
        HasFailed |= !succeeded && error is not null;
        Error = succeeded ? null : error ?? Error;
        EndedAt = at;
        SimulatedMs += _ms;
        _roundMs.Add(plan.IsRealTime ? at - _roundStartedAt : _ms);
    }

    /// <returns>Whether a fault had struck and the task went on after it for the first time: a cycle comes by again.</returns>
    public bool Overcome()
    {
        bool first = WasStruck && !_wasOvercome;
        _wasOvercome |= WasStruck;
        return first;
    }

    /// <param name="start">When it began on the timeline of the workflow, in milliseconds from its start.</param>
    /// <param name="wasUndone">The workflow failed, and everything that it had done and could undo is undone.</param>
    public TaskResultView ToView(long workflowStartedAt, long start, long end, bool wasUndone)
    {
        bool compensated = WasStruck && !IsDone && wasUndone && task.Compensation is not null && plan.Has(Mechanism.Compensate) && FaultInjector.IsCompensable(task.Fault!);
        return new TaskResultView(
            task.TaskId,
            task.Type,
            IsDone ? "completed" : Error?.Code == Contracts.Errors.ErrorCode.StepTimeout.Code ? "timeout" : "failed",
            DateTimeOffset.FromUnixTimeMilliseconds(workflowStartedAt + start),
            DateTimeOffset.FromUnixTimeMilliseconds(workflowStartedAt + end),
            _roundMs.Sum(),
            AgentId,
            WasStruck,
            WasStruck ? task.Fault!.Type : null,
            WasStruck ? IsDone || compensated : null,
            compensated ? Mechanism.Compensate : _recoveries.Count > 0 ? string.Join(", ", _recoveries.Order(StringComparer.Ordinal)) : null,
            IsDone ? null : Error is { } error ? $"{error.Code}: {error.Message}" : TaskResultView.Stopped,
            IsDone ? Failures : Math.Max(0, Failures - 1),
            CostNanoDollars / 1_000_000_000m,
            HeldMs > 0 ? HeldMs : null);
    }

    private long WorkMs() => SimulatedTry.WorkMs(plan.Seed, plan.WorkflowId, task, _tries);

    private bool Strike(bool shows)
    {
        bool first = shows && !WasStruck;
        WasStruck |= shows;
        return first;
    }
}
