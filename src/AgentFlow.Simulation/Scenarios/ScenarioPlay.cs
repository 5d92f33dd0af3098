using System.Globalization;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Approvals;
using AgentFlow.Engine.Costs;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Ports;
using AgentFlow.Simulation.Rehearsals;

namespace AgentFlow.Simulation.Scenarios;

/// <summary>
/// Plays one scenario: its stubs stand in for steps, agents and tools; what has no stub and touches nothing outside is done for
/// real; what would reach outside fails.
/// </summary>
public sealed class ScenarioPlay
{
    private static readonly CostEstimate NothingKnown = new(default, default, default, 1, 0, []);

    private readonly Scenario _scenario;
    private readonly Rehearsal _rehearsal;
    private readonly Dictionary<StubTarget, int> _uses = [];
    private readonly Dictionary<string, int> _decided = new(StringComparer.Ordinal);
    private readonly List<string> _unstubbed = [];
    private readonly List<Mismatch> _approvals = [];
    private readonly Performance _otherwise;
    private readonly Func<HumanTask, Decision>? _decides;

    /// <param name="otherwise">Performs what has no stub. Default: what touches nothing outside is done for real, the rest fails.</param>
    /// <param name="decides">Decides about approvals of which the scenario says nothing. Default: they are denied, which the scenario fails for (<see cref="Approvals"/>).</param>
    public ScenarioPlay(Scenario scenario, Performance? otherwise = null, Func<HumanTask, Decision>? decides = null)
    {
        _scenario = scenario;
        _decides = decides;
        _rehearsal = new Rehearsal(scenario.Start, scenario.Seed);
        _otherwise = otherwise ?? RefuseAsync;
    }

    /// <summary>For what is compiled for this play.</summary>
    public TimeProvider Clock => _rehearsal.Clock;

    /// <summary>Stubs that no step asked.</summary>
    public IReadOnlyList<StubTarget> Unused => [.. _scenario.Stubs.Keys.Where(t => !_uses.ContainsKey(t)).OrderBy(t => t.ToString(), StringComparer.Ordinal)];

    /// <summary>Calls that would have reached outside and have no stub, as text.</summary>
    public IReadOnlyList<string> Unstubbed => _unstubbed;

    /// <summary>What was asked and cannot be decided as the scenario says.</summary>
    public IReadOnlyList<Mismatch> Approvals => _approvals;

    /// <summary>Steps whose decisions nobody asked for.</summary>
    public IReadOnlyList<string> Unasked => [.. _scenario.Approvals.Keys.Where(s => !_decided.ContainsKey(s)).Order(StringComparer.Ordinal)];

    /// <summary>Runs a definition whose tools and agents perform through <see cref="PerformAsync"/>.</summary>
    /// <param name="children">What may do its steps; their tools and agents perform in the same way.</param>
    public RehearsalReport Run(WorkflowDefinition definition, IReadOnlyList<WorkflowDefinition> children) => _rehearsal.Run(definition, _scenario.Input, new RehearsalOptions
    {
        Children = children,
        Arrivals = _scenario.Arrivals,
        Approval = _scenario.Preflight is null ? null : definition.Policies.PreflightApproval?.ForRun(definition, _scenario.Input, NothingKnown, "The scenario holds it."),
        Decide = Decide,
        PolicyOf = agent => _scenario.Registered.GetValueOrDefault(agent, "{}"),
        Env = name => _scenario.Env.GetValueOrDefault(name),
    });

    /// <summary>The outcome of one attempt.</summary>
    public ValueTask<StepOutcome> PerformAsync(ITool inner, ToolCall call, CancellationToken cancellationToken)
    {
        return Next(inner, call) is { } stubbed ? GiveAsync(stubbed, inner, call, cancellationToken) : _otherwise(inner, call, cancellationToken);
    }

    /// <summary>
    /// Lets an attempt come to a stubbed outcome. That of a task for people is what somebody answers, and when; the task's own time
    /// limit holds.
    /// </summary>
    public ValueTask<StepOutcome> GiveAsync(StubbedOutcome stubbed, ITool inner, ToolCall call, CancellationToken cancellationToken)
    {
        if (inner is not HumanTaskTool people)
        {
            return stubbed.PerformAsync(Clock, cancellationToken);
        }

        (StepOutcome now, (StepOutcome Outcome, TimeSpan After)? end) = people.Imagine(call, stubbed.Hangs ? null : (stubbed.Outcome, stubbed.After));
        if (end is { } ends)
        {
            _rehearsal.AnswerLater(call, ends.Outcome, ends.After);
        }

        return new ValueTask<StepOutcome>(now);
    }

    /// <summary>The stubbed outcome of an attempt, which is thereby used; <see langword="null"/>: there is no stub.</summary>
    public StubbedOutcome? Next(ITool inner, ToolCall call)
    {
        if (Find(inner, call) is not { } stubbed)
        {
            return null;
        }

        int use = _uses.GetValueOrDefault(stubbed.Target);
        _uses[stubbed.Target] = use + 1;
        return stubbed.Outcomes[Math.Min(use, stubbed.Outcomes.Count - 1)];
    }

    /// <summary>Ends the worker in the middle of a call (<see cref="Rehearsal.KillWorker"/>).</summary>
    public void KillWorker() => _rehearsal.KillWorker();

    /// <summary>The path of a call's step without its visits: <c>execute/apply</c>.</summary>
    public static string PathOf(ToolCall call) => WithoutVisits(call.StepPath);

    private static string WithoutVisits(string path) => string.Join('/', path.Split('/').Select(part => part[..part.LastIndexOf('#')]));

    /// <summary>How an approval ends.</summary>
    private HumanTask? Decide(HumanTask task)
    {
        if (task.Approval == ApprovalPolicy.Preflight)
        {
            return End("preflight", _scenario.Preflight!, task);
        }

        string path = WithoutVisits(task.Step);
        string? named = _scenario.Approvals.ContainsKey(path) ? path : path[(path.LastIndexOf('/') + 1)..] is var id && _scenario.Approvals.ContainsKey(id) ? id : null;
        if (named is not null && _scenario.Approvals[named] is { Count: > 0 } decisions)
        {
            int use = _decided.GetValueOrDefault(named);
            _decided[named] = use + 1;
            return End($"approvals.{named}", decisions[Math.Min(use, decisions.Count - 1)], task);
        }

        if (_decides is not null)
        {
            return _decides(task).End(task);
        }

        _approvals.Add(new Mismatch("approvals", "a decision about every approval that is asked for", $"{task.Step} asks {task.To} ({task.Approval}); add 'approvals: {{ {path}: approve }}'"));
        return new Decision(false) { Reason = $"The scenario says nothing of the approval of {path}" }.End(task);
    }

    private HumanTask? End(string place, Decision decision, HumanTask task)
    {
        if (decision.Problem(task) is { } problem)
        {
            string after = decision.After.ToString("c", CultureInfo.InvariantCulture);
            _approvals.Add(new Mismatch(place, $"{decision.By} decides after {after}", problem));
        }

        return decision.End(task);
    }

    private ValueTask<StepOutcome> RefuseAsync(ITool inner, ToolCall call, CancellationToken cancellationToken)
    {
        if (inner.Contract.Effects == Effects.None)
        {
            return inner.InvokeAsync(call, cancellationToken);
        }

        string missing = $"{call.StepPath} calls {inner.CalledId}";
        _unstubbed.Add(missing);
        return new ValueTask<StepOutcome>(StepOutcome.Failure("NOT_STUBBED", ErrorCategory.Permanent, $"{missing}, which the scenario has no stub for: nothing reaches outside in a scenario."));
    }

    private (StubTarget Target, IReadOnlyList<StubbedOutcome> Outcomes)? Find(ITool inner, ToolCall call)
    {
        string path = PathOf(call);
        string agent = inner is HumanTaskTool people ? people.Agent ?? "" : inner.Contract.Id.StartsWith("agent.", StringComparison.Ordinal) ? inner.Contract.Id["agent.".Length..] : "";
        StubTarget[] candidates =
        [
            new(StubKind.Step, path), new(StubKind.Step, path[(path.LastIndexOf('/') + 1)..]), new(StubKind.Agent, agent),
            new(StubKind.Tool, inner.Contract.Id), new(StubKind.Tool, inner.CalledId),
        ];
        foreach (StubTarget target in candidates)
        {
            if (_scenario.Stubs.TryGetValue(target, out IReadOnlyList<StubbedOutcome>? outcomes) && outcomes.Count > 0)
            {
                return (target, outcomes);
            }
        }

        return null;
    }
}
