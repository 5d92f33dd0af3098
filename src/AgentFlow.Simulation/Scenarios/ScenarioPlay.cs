using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
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
    private readonly Scenario _scenario;
    private readonly Rehearsal _rehearsal;
    private readonly Dictionary<StubTarget, int> _uses = [];
    private readonly List<string> _unstubbed = [];
    private readonly Performance _otherwise;

    /// <param name="otherwise">Performs what has no stub. Default: what touches nothing outside is done for real, the rest fails.</param>
    public ScenarioPlay(Scenario scenario, Performance? otherwise = null)
    {
        _scenario = scenario;
        _rehearsal = new Rehearsal(scenario.Start, scenario.Seed);
        _otherwise = otherwise ?? RefuseAsync;
    }

    /// <summary>For what is compiled for this play.</summary>
    public TimeProvider Clock => _rehearsal.Clock;

    /// <summary>Stubs that no step asked.</summary>
    public IReadOnlyList<StubTarget> Unused => [.. _scenario.Stubs.Keys.Where(t => !_uses.ContainsKey(t)).OrderBy(t => t.ToString(), StringComparer.Ordinal)];

    /// <summary>Calls that would have reached outside and have no stub, as text.</summary>
    public IReadOnlyList<string> Unstubbed => _unstubbed;

    /// <summary>Runs a definition whose tools and agents perform through <see cref="PerformAsync"/>.</summary>
    /// <param name="children">What may do its steps; their tools and agents perform in the same way.</param>
    public RehearsalReport Run(WorkflowDefinition definition, IReadOnlyList<WorkflowDefinition> children) => _rehearsal.Run(definition, _scenario.Input, new RehearsalOptions
    {
        Children = children,
        Arrivals = _scenario.Arrivals,
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
    public static string PathOf(ToolCall call) => string.Join('/', call.StepPath.Split('/').Select(part => part[..part.LastIndexOf('#')]));

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
