using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Llm;
using AgentFlow.Engine.Planning;

namespace AgentFlow.Engine.Costs;

/// <summary>Lists, loops, waits, plans of models, and steps that other runs do.</summary>
internal sealed partial class PlanSampler
{
    private readonly Dictionary<PlanNode, double[]> _times = [];
    private readonly Dictionary<ForeachNode, int?> _items = [];
    private readonly Dictionary<CallNode, PlanSampler?> _children = [];

    /// <summary>Whoever does the step as a run of its own; <see langword="null"/>: nobody, or the version that would is not known.</summary>
    private PlanSampler? ChildOf(CallNode call)
    {
        if (call.Child is not { } child)
        {
            return null;
        }

        if (!_children.TryGetValue(call, out PlanSampler? sampler))
        {
            _children[call] = sampler = workflows.Find(child) is { } version ? workflows.Of(version, known.Value(call.Input)) : null;
        }

        return sampler;
    }

    private (bool Ok, double Seconds) Child(CallNode call, PlanSampler child)
    {
        double seconds = 0;
        for (int attempt = 1; ; attempt++)
        {
            RunSample run = workflows.Child(child);
            _used += run.Used with { OwnTokens = 0 };
            bool isLate = call.Timeout is { } limit && run.Seconds > limit.TotalSeconds;
            seconds += isLate ? call.Timeout!.Value.TotalSeconds : run.Seconds;
            if (run.Succeeded && !isLate)
            {
                return (true, seconds);
            }

            if (attempt >= call.Retry.MaxAttempts || !TriedAgain(call))
            {
                return (false, seconds);
            }

            seconds += call.Retry.DelayAfter(attempt, random.NextUInt64()).TotalSeconds;
        }
    }

    private (bool Ok, double Seconds) Foreach(ForeachNode each)
    {
        if (!_items.TryGetValue(each, out int? items))
        {
            _items[each] = items = known.Items(each);
        }

        int count = items ?? Observed(each) ?? CostPriors.Items;
        if (count is < 0 or > ForeachNode.MostItems)
        {
            return (false, 0);
        }

        int bearable = each.Bearable(count);
        var free = new PriorityQueue<double, double>();
        var failed = new PriorityQueue<double, double>();
        var iterations = new List<(double Start, Part Part)>(count);
        (double decided, double end) = (double.PositiveInfinity, 0);
        for (int i = 0; i < count; i++)
        {
            double start = free.Count < each.MaxParallel ? 0 : free.Dequeue();
            if (start >= decided)
            {
                break;
            }

            Part part = Aside(each.Children[0]);
            double ends = start + part.Seconds;
            iterations.Add((start, part));
            free.Enqueue(ends, ends);
            end = Math.Max(end, ends);
            if (!part.Ok)
            {
                // Latest first: the one that decides is the latest of as many as are too many.
                failed.Enqueue(ends, -ends);
                if (failed.Count > bearable + 1)
                {
                    failed.Dequeue();
                }

                decided = failed.Count > bearable ? failed.Peek() : decided;
            }
        }

        end = Math.Min(end, decided);
        double undoing = 0;
        foreach ((double start, Part part) in iterations)
        {
            undoing = Math.Max(undoing, Take(each.Children[0], part, start, end));
        }

        return (double.IsInfinity(decided), end + undoing);
    }

    /// <summary>A body that is visited again and again, with what is between two rounds.</summary>
    private (bool Ok, double Seconds) Rounds(PlanNode node)
    {
        (int most, bool isCounted, bool isRetry) = node switch
        {
            RepeatNode repeat => (repeat.Times, repeat is { IsRetry: false, Until: null }, repeat.IsRetry),
            WhileNode loop => (loop.Max, false, false),
            _ => throw new InvalidOperationException($"{node.GetType().Name} has no rounds."),
        };
        int rounds = isCounted ? most : Math.Min(Observed(node) ?? (isRetry ? 1 : PriorRounds(most)), most);
        (bool ok, double seconds) = (true, 0);
        for (int round = 0; round < rounds; round++)
        {
            if (round > 0 && node.Children.Count > 1)
            {
                seconds += Visit(node.Children[1]).Seconds;
            }

            (bool done, double took) = Visit(node.Children[0]);
            ok &= done;
            seconds += took;
            if (!isRetry && !ok)
            {
                return (false, seconds);
            }
        }

        // A retry that went on so long is known to have succeeded in the end about as often as its child does.
        return (ok || isRetry, seconds);
    }

    private int PriorRounds(int most)
    {
        int rounds = 1;
        while (rounds < most && Unit() < CostPriors.AnotherRound)
        {
            rounds++;
        }

        return rounds;
    }

    /// <summary>As many rounds or items as there were; <see langword="null"/>: none were seen.</summary>
    private int? Observed(PlanNode node)
    {
        if (!_times.TryGetValue(node, out double[]? seen))
        {
            _times[node] = seen = [.. Enumerable.Range(0, CostNames.MostTold + 1).Select(CostNames.Rounds).Append(CostNames.MoreRounds).Select(m => (double)book[Subject(node), m].Count)];
        }

        double sum = seen.Sum();
        if (sum == 0)
        {
            return null;
        }

        int times = Of(seen, sum);
        return times <= CostNames.MostTold ? times : (int)Math.Round(Drawn(node, CostNames.MoreRounds, 0));
    }

    private (bool Ok, double Seconds) Wait(WaitNode wait) => wait is { Signal: null, For: { } time } ? (true, time.TotalSeconds) : Awaited(wait, wait.For);

    /// <summary>How long others take is not guessed: until it was seen they are there at once.</summary>
    /// <param name="limit">How long it is waited for them.</param>
    private (bool Ok, double Seconds) Awaited(PlanNode node, TimeSpan? limit)
    {
        double seconds = Drawn(node, CostNames.Seconds, 0);
        bool comes = Chance(node, CostNames.Waited, CostNames.WaitedInVain, 1 - CostPriors.FailureRate);
        return comes ? (true, seconds) : (false, limit?.TotalSeconds ?? seconds);
    }

    private (bool Ok, double Seconds) WaitFor(WaitForNode waits)
    {
        if (book[Subject(waits), CostNames.Waited].Count + book[Subject(waits), CostNames.WaitedInVain].Count > 0)
        {
            return Awaited(waits, waits.Timeout);
        }

        (bool Ok, double Seconds)[] each = [.. waits.Children.Select(Visit)];
        return waits.All && each.All(w => w.Ok) ? (true, each.Max(w => w.Seconds)) : each.Where(w => !waits.All || !w.Ok).MinBy(w => w.Seconds);
    }

    private (bool Ok, double Seconds) Llm(LlmNode node)
    {
        int branches = node.Conditions.Count;
        int taken = branches == 0 ? 0 : Pick(node, branches + 1, CostNames.Branch);
        if (taken < branches)
        {
            return Visit(node.Branch(taken));
        }

        PlanNode? followed = node.Plans.LastOrDefault();
        PlanNode asking = node.Asking;
        double seconds = 0;
        bool isRepair = false;
        for (int plans = 0; ;)
        {
            (bool ok, double took) = Visit(asking);
            seconds += took;
            if (!ok)
            {
                break;
            }

            if (followed is null && !Chance(node, CostNames.PlanTaken, CostNames.PlanRefused, 1 - CostPriors.FailureRate))
            {
                if (isRepair || !node.Repairs)
                {
                    break;
                }

                isRepair = true;
                continue;
            }

            (ok, took) = followed is null ? Plan(node) : Visit(followed);
            seconds += took;
            plans++;
            if (ok)
            {
                return (true, seconds);
            }

            if (node.Replan is not { } replan || plans > replan.Max || _visits > definition.Policies.MaxSteps)
            {
                break;
            }

            isRepair = false;
            asking = replan.Strategy == ReplanStrategy.Escalation ? node.AskingEscalated ?? asking : node.Asking;
        }

        if (node.Fallback is null)
        {
            return (false, seconds);
        }

        (bool helped, double more) = Visit(node.Fallback);
        return (helped, seconds + more);
    }

    /// <summary>A plan that nobody has seen: as those before it were, or some of the skills one after another.</summary>
    private (bool Ok, double Seconds) Plan(LlmNode node)
    {
        double seconds = 0;
        if (book[Subject(node), CostNames.PlanSeconds].Count > 0)
        {
            double tokens = Drawn(node, CostNames.PlanTokens, 0);
            _used += new Use(tokens, tokens, Drawn(node, CostNames.PlanDollars, 0));
            seconds = Drawn(node, CostNames.PlanSeconds, 0);
        }
        else if (node.Calls.Count > 0)
        {
            // Which of them it takes is not known, nor for how long: their mean price is.
            _used += new Use(0, 0, Math.Min(CostPriors.PlanSteps, node.Rules.MaxSteps) * node.Calls.Values.Average(c => c.Skill.MaxCostNanoDollars / 2.0));
        }

        return (Chance(node, CostNames.PlanGood, CostNames.PlanBad, 1 - CostPriors.FailureRate), seconds);
    }
}
