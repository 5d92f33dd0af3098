using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Nodes.StateMachine;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Costs;

/// <summary>What one imagined run used.</summary>
public readonly record struct RunSample(bool Succeeded, double Tokens, double NanoDollars, double Seconds);

/// <summary>
/// Imagines runs of a plan: walks its nodes as the engine would, but draws what expressions and the outside decide from what was
/// observed. The same book and random source always give the same runs.
/// </summary>
internal sealed class PlanSampler(WorkflowDefinition definition, CostBook book, IRandomSource random)
{
    /// <summary>Spread of what nothing was observed of: 95 % lie within a factor of 2.7.</summary>
    private const double PriorSigma = 0.6;

    /// <summary>A call that nothing was observed of fails about once in a hundred times.</summary>
    private const double PriorFailure = 0.01;

    private readonly Dictionary<(PlanNode, string), Draw> _draws = [];
    private double _tokens;
    private double _nano;
    private int _visits;
    private double _spare = double.NaN;

    public RunSample Next()
    {
        (_tokens, _nano, _visits) = (0, 0, 0);
        (bool ok, double seconds) = Limited(definition.Root, definition.Policies.Deadline ?? definition.Root.Timeout);
        return new RunSample(ok, _tokens, _nano, seconds);
    }

    private (bool Ok, double Seconds) Limited(PlanNode node, TimeSpan? limit)
    {
        (bool ok, double seconds) = Walk(node);
        return limit is { } most && seconds > most.TotalSeconds ? (false, most.TotalSeconds) : (ok, seconds);
    }

    private (bool Ok, double Seconds) Visit(PlanNode node) =>
        ++_visits > definition.Policies.MaxSteps ? (false, 0) : Limited(node, node is CallNode or WaitNode ? null : node.Timeout);

    private (bool Ok, double Seconds) Walk(PlanNode node) => node switch
    {
        CallNode call => Call(call),
        WaitNode wait => Wait(wait),
        StateMachineNode machine => Machine(machine),
        GraphNode graph => Graph(graph),
        ParallelNode parallel => Parallel(parallel),
        SelectorNode => OneAfterAnother(node, until: true),
        SequenceNode => OneAfterAnother(node, until: false),
        ConditionNode => (Chance(node, CostNames.Holds, CostNames.HoldsNot, 0.5), 0),
        ConditionalSelectorNode selector => Branch(selector),
        InvertNode => Visit(node.Children[0]) is var (ok, seconds) ? (!ok, seconds) : default,
        TimeoutNode => Visit(node.Children[0]),
        { Children.Count: > 0 } => Rounds(node),
        _ => (true, 0),
    };

    private (bool Ok, double Seconds) Call(CallNode call)
    {
        double seconds = 0;
        for (int attempt = 1; ; attempt++)
        {
            // An attempt fails as often as attempts did; whether it is tried again is the policy's business.
            if (!AttemptFails(call))
            {
                Use(call);
                return (true, seconds + Amount(call, CostNames.Seconds, 1));
            }

            seconds += Amount(call, CostNames.FailedSeconds, 1);
            _nano += Observed(call, CostNames.FailedDollars) is { Count: > 0 } failed ? failed.Mean : 0;
            if (attempt >= call.Retry.MaxAttempts || !TriedAgain(call))
            {
                return (false, seconds);
            }

            seconds += call.Retry.DelayAfter(attempt, random.NextUInt64()).TotalSeconds;
        }
    }

    private void Use(CallNode call)
    {
        ExpectedUse? use = call.Tool.Use;
        double input = Amount(call, CostNames.InputTokens, use?.InputTokens ?? 0);
        double output = Amount(call, CostNames.OutputTokens, use?.OutputTokens ?? 0);
        _tokens += input + output;
        _nano += use is { InputNanoDollars: { } inputPrice, OutputNanoDollars: { } outputPrice }
            ? (input * inputPrice) + (output * outputPrice)
            : Amount(call, CostNames.Dollars, call.Tool.Contract.MaxCostNanoDollars / 2.0);
    }

    private (bool Ok, double Seconds) Wait(WaitNode wait)
    {
        if (wait.Signal is null)
        {
            return (true, wait.For?.TotalSeconds ?? 0);
        }

        // How long people take is not guessed: until it was seen a signal is there at once.
        double seconds = book[Subject(wait), CostNames.Seconds].Count > 0 ? Drawn(wait, CostNames.Seconds, 0) : 0;
        bool comes = Chance(wait, CostNames.Waited, CostNames.WaitedInVain, 1 - PriorFailure);
        return comes ? (true, seconds) : (false, wait.For?.TotalSeconds ?? seconds);
    }

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

            (bool ok, double took) = Visit(graph.Children[next]);
            (ended[next], ends[next]) = (ok, start + took);
            places[place] = ends[next];
            if (!ok && rules.OnError == OnStepError.Abort)
            {
                aborted = Math.Min(aborted, ends[next]);
            }
        }

        return (double.IsInfinity(aborted), ends.Max());
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
        bool succeeds = Chance(parallel, CostNames.Holds, CostNames.HoldsNot, 1 - PriorFailure);
        for (int won = 0; succeeds && won < parallel.Needed; won++)
        {
            double[] weights = [.. left.Select(c => book[Subject(c), CostNames.Won].Count + (1.0 / parallel.Children.Count))];
            double at = Unit() * weights.Sum();
            int winner = 0;
            while (winner < weights.Length - 1 && (at -= weights[winner]) >= 0)
            {
                winner++;
            }

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
        }
        else
        {
            Visit(child);
        }
    }

    private (bool Ok, double Seconds) AllAtOnce(ParallelNode parallel)
    {
        var children = new (bool Ok, double Seconds, double Tokens, double Nano)[parallel.Children.Count];
        (double tokens, double nano) = (_tokens, _nano);
        for (int i = 0; i < children.Length; i++)
        {
            (_tokens, _nano) = (0, 0);
            (bool ok, double took) = Visit(parallel.Children[i]);
            children[i] = (ok, took, _tokens, _nano);
        }

        double[] good = [.. children.Where(c => c.Ok).Select(c => c.Seconds).Order()];
        double[] bad = [.. children.Where(c => !c.Ok).Select(c => c.Seconds).Order()];
        bool succeeds = good.Length >= parallel.Needed;
        double end = succeeds ? good[parallel.Needed - 1] : bad[children.Length - parallel.Needed];
        (_tokens, _nano) = (tokens, nano);
        for (int i = 0; i < children.Length; i++)
        {
            // What is cancelled when all is decided has used what it had finished by then; a call in flight is not on record.
            double share = children[i].Seconds <= end ? 1 : parallel.Children[i] is CallNode ? 0 : end / children[i].Seconds;
            _tokens += share * children[i].Tokens;
            _nano += share * children[i].Nano;
        }

        return (succeeds, end);
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

    /// <summary>A scope whose children are visited as often as was seen; once, where nothing was.</summary>
    private (bool Ok, double Seconds) Rounds(PlanNode node)
    {
        int most = node is RepeatNode repeat ? Math.Min(repeat.Times, 64) : 64;
        bool counted = node is RepeatNode { IsRetry: false, Until: null };
        long[] seen = [.. Enumerable.Range(1, most).Select(n => book[Subject(node), CostNames.Rounds(n)].Count)];
        int rounds = counted ? most : seen.Sum() == 0 ? 1 : 1 + Pick(node, most, i => CostNames.Rounds(i + 1), prior: 0);
        (bool ok, double seconds) = (true, 0);
        for (int round = 0; round < rounds; round++)
        {
            foreach (PlanNode child in node.Children)
            {
                (bool done, double took) = Visit(child);
                ok &= done;
                seconds += took;
            }

            if (node is RepeatNode { IsRetry: false } && !ok)
            {
                return (false, seconds);
            }
        }

        // A retry that went on so long is known to have succeeded in the end about as often as its child does.
        return (ok || node is RepeatNode { IsRetry: true }, seconds);
    }

    private bool AttemptFails(CallNode call)
    {
        long good = Observed(call, CostNames.Succeeded).Count;
        long bad = Observed(call, CostNames.FailedSeconds).Count;
        return Unit() < (bad + PriorFailure) / (good + bad + 1);
    }

    private bool TriedAgain(CallNode call)
    {
        long again = Observed(call, CostNames.Again).Count;
        long given = Observed(call, CostNames.GivenUp).Count;
        return Unit() < (again + 0.9) / (again + given + 1);
    }

    private bool Chance(PlanNode node, string yes, string no, double prior)
    {
        double good = book[Subject(node), yes].Count;
        double bad = book[Subject(node), no].Count;
        return Unit() < (good + prior) / (good + bad + 1);
    }

    /// <summary>One of several, as often as it was seen, with a prior of one observation spread over all.</summary>
    private int Pick(PlanNode node, int count, Func<int, string> measure, double prior = 1)
    {
        Span<double> weights = count <= 64 ? stackalloc double[count] : new double[count];
        double sum = 0;
        for (int i = 0; i < count; i++)
        {
            sum += weights[i] = book[Subject(node), measure(i)].Count + (prior / count);
        }

        double at = Unit() * sum;
        for (int i = 0; i < count; i++)
        {
            at -= weights[i];
            if (at < 0)
            {
                return i;
            }
        }

        return count - 1;
    }

    /// <summary>What was observed of the step, else of whatever step calls the same.</summary>
    private Moments Observed(CallNode call, string measure)
    {
        string step = CostNames.Step(definition.Name, call);
        return book[step, CostNames.Succeeded].Count + book[step, CostNames.FailedSeconds].Count > 0 ? book[step, measure] : book[CostNames.Shared(definition.Name, call), measure];
    }

    private double Amount(CallNode call, string measure, double prior) => Drawn(call, measure, prior);

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
        Moments seen = node is CallNode call ? Observed(call, measure) : book[Subject(node), measure];
        long all = node is CallNode called ? Observed(called, CostNames.Succeeded).Count : seen.Count;
        if (seen.Count > 0)
        {
            // One observation of the prior's spread, none of its place.
            double sigma = Math.Sqrt((seen.Scatter + (PriorSigma * PriorSigma)) / seen.Count);
            bool isEveryTime = measure is CostNames.Seconds or CostNames.FailedSeconds;
            return new Draw(seen.Mean, seen.Count < 8 ? sigma : Math.Sqrt(seen.Scatter / (seen.Count - 1)), isEveryTime ? 1 : Math.Min(1, (double)seen.Count / Math.Max(all, 1)));
        }

        // Nothing of it was ever used, or nothing was observed at all.
        return all > 0 || prior <= 0 ? new Draw(0, 0, 0) : new Draw(Math.Log(prior), PriorSigma, 1);
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
