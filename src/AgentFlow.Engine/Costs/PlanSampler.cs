using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Nodes.Llm;
using AgentFlow.Engine.Nodes.StateMachine;

namespace AgentFlow.Engine.Costs;

/// <summary>What one imagined run used.</summary>
internal readonly record struct RunSample(bool Succeeded, Use Used, double Seconds);

/// <summary>Tokens and money.</summary>
/// <param name="OwnTokens">Those of <paramref name="Tokens"/> that no child has used.</param>
internal readonly record struct Use(double Tokens, double OwnTokens, double NanoDollars)
{
    public static Use operator +(Use a, Use b) => new(a.Tokens + b.Tokens, a.OwnTokens + b.OwnTokens, a.NanoDollars + b.NanoDollars);

    public static Use operator *(double share, Use use) => new(share * use.Tokens, share * use.OwnTokens, share * use.NanoDollars);
}

/// <summary>
/// Imagines runs of a plan: walks its nodes as the engine would, but draws what expressions and the outside decide from what was
/// observed. The same book and random source always give the same runs.
/// </summary>
internal sealed partial class PlanSampler(WorkflowDefinition definition, CostBook book, IRandomSource random, KnownBefore known, SampledWorkflows workflows)
{
    private readonly Dictionary<(PlanNode, string), Draw> _draws = [];
    private Use _used;
    private List<CallNode>? _done;
    private int _visits;
    private double _spare = double.NaN;

    public RunSample Next()
    {
        // A workflow can be its own child.
        (Use used, List<CallNode>? done, int visits) = (_used, _done, _visits);
        (_used, _done, _visits) = (default, null, 0);
        (bool ok, double seconds) = Limited(definition.Root, definition.Policies.Deadline ?? definition.Root.Timeout);
        var sample = new RunSample(ok, _used, seconds);
        (_used, _done, _visits) = (used, done, visits);
        return sample;
    }

    private (bool Ok, double Seconds) Limited(PlanNode node, TimeSpan? limit)
    {
        int before = _done?.Count ?? 0;
        (bool ok, double seconds) = Walk(node);
        (ok, seconds) = limit is { } most && seconds > most.TotalSeconds ? (false, most.TotalSeconds) : (ok, seconds);
        return (ok, !ok && node.IsScope ? seconds + Undo(before) : seconds);
    }

    private (bool Ok, double Seconds) Visit(PlanNode node)
    {
        workflows.Visits++;
        if (++_visits > definition.Policies.MaxSteps || workflows.IsOver)
        {
            return (false, 0);
        }

        double queued = node.Semaphore is null ? 0 : Drawn(node, CostNames.Queued, 0);
        (bool ok, double seconds) = Limited(node, node is CallNode or WaitNode ? null : node.Timeout);
        return (ok, queued + seconds);
    }

    private (bool Ok, double Seconds) Walk(PlanNode node) => node switch
    {
        CallNode call => Step(call),
        WaitNode wait => Wait(wait),
        WaitForNode waits => WaitFor(waits),
        BarrierNode barrier => Awaited(barrier, barrier.Barrier.Timeout),
        StateMachineNode machine => Machine(machine),
        GraphNode graph => Graph(graph),
        ParallelNode parallel => Parallel(parallel),
        SelectorNode => OneAfterAnother(node, until: true),
        SequenceNode => OneAfterAnother(node, until: false),
        ConditionNode => (Chance(node, CostNames.Holds, CostNames.HoldsNot, 0.5), 0),
        ConditionalSelectorNode selector => Branch(selector),
        InvertNode => Visit(node.Children[0]) is var (ok, seconds) ? (!ok, seconds) : default,
        TimeoutNode => Visit(node.Children[0]),
        ForeachNode each => Foreach(each),
        RepeatNode or WhileNode => Rounds(node),
        LlmNode planner => Llm(planner),
        _ => (true, 0),
    };

    private (bool Ok, double Seconds) Machine(StateMachineNode machine)
    {
        int[] visits = new int[machine.Children.Count];
        double seconds = 0;
        for (int state = machine.Initial; ;)
        {
            visits[state]++;
            (bool ok, double took) = Visit(machine.Children[state]);
            seconds += took;
            StateRules rules = machine.Rules[state];
            if (_visits > definition.Policies.MaxSteps)
            {
                return (false, seconds);
            }

            if (ok && rules.IsFinal)
            {
                return (true, seconds);
            }

            int next = ok ? Choose(machine, state, visits[state]) : rules.OnError ?? -1;
            if (next < 0)
            {
                return (false, seconds);
            }

            state = next;
        }
    }

    private int Choose(StateMachineNode machine, int state, int visit)
    {
        StateRules rules = machine.Rules[state];
        int[] targets = [.. rules.Transitions.Select(t => t.Target).Append(rules.OnSuccess ?? -1).Distinct()];
        return targets.Length == 1 ? targets[0] : targets[Pick(machine.Children[state], targets.Length, i => CostNames.Go(visit, targets[i]))];
    }

    private (bool Ok, double Seconds) Graph(GraphNode graph)
    {
        int count = graph.Children.Count;
        double[] ends = new double[count];
        var ended = new bool?[count];
        bool[] settled = new bool[count];
        double[] places = new double[Math.Min(graph.MaxParallel ?? count, count)];
        var parts = new (double Start, Part? Part)[count];
        double aborted = double.PositiveInfinity;
        for (int left = count; left > 0; left--)
        {
            // The earliest that can begin, as the engine would.
            int next = -1;
            double ready = double.PositiveInfinity;
            for (int i = 0; i < count; i++)
            {
                if (!settled[i] && graph.Rules[i].DependsOn.All(d => settled[d]) && graph.Rules[i].DependsOn.Select(d => ends[d]).DefaultIfEmpty(0).Max() is var from && from < ready)
                {
                    (next, ready) = (i, from);
                }
            }

            StepRules rules = graph.Rules[next];
            settled[next] = true;
            int place = Array.IndexOf(places, places.Min());
            double start = Math.Max(ready, places[place]);
            ends[next] = start;
            bool wanted = rules.RunsAfterFailure || (start < aborted && rules.DependsOn.All(d => ended[d] == true));
            if (!wanted || (rules.Condition is not null && !Chance(graph.Children[next], CostNames.Runs, CostNames.RunsNot, 0.5)))
            {
                continue;
            }

            Part part = Aside(graph.Children[next]);
            parts[next] = (start, part);
            (ended[next], ends[next]) = (part.Ok, start + part.Seconds);
            places[place] = ends[next];
            if (!part.Ok && rules.OnError == OnStepError.Abort)
            {
                aborted = Math.Min(aborted, ends[next]);
            }
        }

        double end = 0;
        for (int i = 0; i < count; i++)
        {
            // What begins after an abort is what wants to; what is under way then is cancelled.
            (double start, Part? part) = parts[i];
            double until = start < aborted ? Math.Min(ends[i], aborted) : ends[i];
            end = Math.Max(end, until + (part is null ? 0 : Take(graph.Children[i], part, start, until)));
        }

        return (double.IsInfinity(aborted), end);
    }

    private (bool Ok, double Seconds) Parallel(ParallelNode parallel)
    {
        return parallel.Needed < parallel.Children.Count && book[Subject(parallel), CostNames.Seconds].Count > 0 ? Race(parallel) : AllAtOnce(parallel);
    }

    /// <summary>
    /// Where the first few decide, only they leave a trace of what they used. How long each of the others would have taken is never
    /// seen, so the winners come as often as they did, and the whole takes as long as it did.
    /// </summary>
    private (bool Ok, double Seconds) Race(ParallelNode parallel)
    {
        List<PlanNode> left = [.. parallel.Children];
        bool succeeds = Chance(parallel, CostNames.Holds, CostNames.HoldsNot, 1 - CostPriors.FailureRate);
        for (int won = 0; succeeds && won < parallel.Needed; won++)
        {
            double[] weights = [.. left.Select(c => book[Subject(c), CostNames.Won].Count + (1.0 / parallel.Children.Count))];
            int winner = Of(weights, weights.Sum());
            Succeed(left[winner]);
            left.RemoveAt(winner);
        }

        return (succeeds, Drawn(parallel, CostNames.Seconds, 0));
    }

    /// <summary>What a child uses that is known to have succeeded.</summary>
    private void Succeed(PlanNode child)
    {
        if (child is CallNode call)
        {
            Use(call);
            Did(call, ok: true);
        }
        else
        {
            Visit(child);
        }
    }

    private (bool Ok, double Seconds) AllAtOnce(ParallelNode parallel)
    {
        Part[] children = [.. parallel.Children.Select(Aside)];
        double[] good = [.. children.Where(c => c.Ok).Select(c => c.Seconds).Order()];
        double[] bad = [.. children.Where(c => !c.Ok).Select(c => c.Seconds).Order()];
        bool succeeds = good.Length >= parallel.Needed;
        double end = succeeds ? good[parallel.Needed - 1] : bad[children.Length - parallel.Needed];
        double undoing = 0;
        for (int i = 0; i < children.Length; i++)
        {
            undoing = Math.Max(undoing, Take(parallel.Children[i], children[i], 0, end));
        }

        return (succeeds, end + undoing);
    }

    private (bool Ok, double Seconds) OneAfterAnother(PlanNode node, bool until)
    {
        double seconds = 0;
        foreach (PlanNode child in node.Children)
        {
            (bool ok, double took) = Visit(child);
            seconds += took;
            if (ok == until)
            {
                return (until, seconds);
            }
        }

        return (!until, seconds);
    }

    private (bool Ok, double Seconds) Branch(ConditionalSelectorNode selector)
    {
        int child = selector.Children.Count == 1 ? 0 : Pick(selector, selector.Children.Count, CostNames.Branch);
        return Visit(selector.Children[child]);
    }

    private bool Chance(PlanNode node, string yes, string no, double prior)
    {
        double good = book[Subject(node), yes].Count;
        double bad = book[Subject(node), no].Count;
        return Unit() < (good + prior) / (good + bad + 1);
    }

    /// <summary>One of several, as often as it was seen, with a prior of one observation spread over all.</summary>
    private int Pick(PlanNode node, int count, Func<int, string> measure)
    {
        Span<double> weights = count <= 64 ? stackalloc double[count] : new double[count];
        double sum = 0;
        for (int i = 0; i < count; i++)
        {
            sum += weights[i] = book[Subject(node), measure(i)].Count + (1.0 / count);
        }

        return Of(weights, sum);
    }

    /// <summary>An index, as often as its weight says.</summary>
    private int Of(ReadOnlySpan<double> weights, double sum)
    {
        double at = Unit() * sum;
        for (int i = 0; i < weights.Length; i++)
        {
            at -= weights[i];
            if (at < 0)
            {
                return i;
            }
        }

        return weights.Length - 1;
    }

    /// <summary>What was observed of the step, else of whatever step calls the same.</summary>
    private Moments Observed(CallNode call, string measure)
    {
        string step = CostNames.Step(definition.Name, call);
        return book[step, CostNames.Succeeded].Count + book[step, CostNames.FailedSeconds].Count > 0 ? book[step, measure] : book[CostNames.Shared(definition.Name, call), measure];
    }

    private double Drawn(PlanNode node, string measure, double prior)
    {
        if (!_draws.TryGetValue((node, measure), out Draw? draw))
        {
            _draws[(node, measure)] = draw = Prepare(node, measure, prior);
        }

        return draw.Share < 1 && Unit() >= draw.Share ? 0 : Math.Exp(draw.Mean + (draw.Sigma * Normal()));
    }

    private Draw Prepare(PlanNode node, string measure, double prior)
    {
        bool isOfCall = node is CallNode && measure != CostNames.Queued;
        Moments seen = isOfCall ? Observed((CallNode)node, measure) : book[Subject(node), measure];
        long all = isOfCall ? Observed((CallNode)node, CostNames.Succeeded).Count : node is LlmNode ? book[Subject(node), CostNames.PlanSeconds].Count : seen.Count;
        if (seen.Count > 0)
        {
            // One observation of the prior's spread, none of its place.
            double sigma = Math.Sqrt((seen.Scatter + (CostPriors.Sigma * CostPriors.Sigma)) / seen.Count);
            bool isEveryTime = measure is CostNames.Seconds or CostNames.FailedSeconds;
            return new Draw(seen.Mean, seen.Count < 8 ? sigma : Math.Sqrt(seen.Scatter / (seen.Count - 1)), isEveryTime ? 1 : Math.Min(1, (double)seen.Count / Math.Max(all, 1)));
        }

        // Nothing of it was ever used, or nothing was observed at all.
        return all > 0 || prior <= 0 ? new Draw(0, 0, 0) : new Draw(Math.Log(prior), CostPriors.Sigma, 1);
    }

    private string Subject(PlanNode node) => CostNames.Step(definition.Name, node);

    private double Unit() => (random.NextUInt64() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Box and Muller's; every second one is kept for the next call.</summary>
    private double Normal()
    {
        if (!double.IsNaN(_spare))
        {
            double spare = _spare;
            _spare = double.NaN;
            return spare;
        }

        double radius = Math.Sqrt(-2 * Math.Log(1 - Unit()));
        (double sin, double cos) = Math.SinCos(2 * Math.PI * Unit());
        _spare = radius * sin;
        return radius * cos;
    }

    /// <param name="Share">How often there is any at all.</param>
    private sealed record Draw(double Mean, double Sigma, double Share);
}
