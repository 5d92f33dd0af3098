using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Costs;

/// <summary>Attempts of calls, and their remedies.</summary>
internal sealed partial class PlanSampler
{
    private (bool Ok, double Seconds) Step(CallNode call)
    {
        (bool ok, double seconds) = ChildOf(call) is { } child ? Child(call, child) : Call(call);
        Did(call, ok);
        return (ok, seconds);
    }

    private (bool Ok, double Seconds) Call(CallNode call)
    {
        double seconds = 0;
        int failures = 0;
        int[]? remedied = call.Remedies.Count == 0 ? null : new int[call.Remedies.Count];
        while (true)
        {
            // An attempt fails as often as attempts did; whether it is tried again is the policy's business.
            if (!AttemptFails(call))
            {
                Use(call);
                return (true, seconds + Drawn(call, CostNames.Seconds, CostPriors.Seconds(call.Tool)));
            }

            seconds += Drawn(call, CostNames.FailedSeconds, CostPriors.Seconds(call.Tool));
            _used += new Use(0, 0, Observed(call, CostNames.FailedDollars) is { Count: > 0 } failed ? failed.Mean : 0);
            if (remedied is not null && RemedyOf(call, remedied) is var (remedy, times))
            {
                (bool ends, bool helped, double took) = Help(remedy, times);
                seconds += took;
                if (ends)
                {
                    return (helped, seconds);
                }

                continue;
            }

            if (++failures >= call.Retry.MaxAttempts || !TriedAgain(call))
            {
                return (false, seconds);
            }

            seconds += call.Retry.DelayAfter(failures, random.NextUInt64()).TotalSeconds;
        }
    }

    private void Use(CallNode call)
    {
        ExpectedUse? use = call.Tool.Use;
        double input = Drawn(call, CostNames.InputTokens, use?.InputTokens ?? 0);
        double output = Drawn(call, CostNames.OutputTokens, use?.OutputTokens ?? 0);
        double nano = use is { InputNanoDollars: { } inputPrice, OutputNanoDollars: { } outputPrice }
            ? (input * inputPrice) + (output * outputPrice)
            : Drawn(call, CostNames.Dollars, call.Tool.Contract.MaxCostNanoDollars / 2.0);
        _used += new Use(input + output, input + output, nano);
    }

    private bool AttemptFails(CallNode call)
    {
        long good = Observed(call, CostNames.Succeeded).Count;
        long bad = Observed(call, CostNames.FailedSeconds).Count;
        return Unit() < (bad + CostPriors.FailureRate) / (good + bad + 1);
    }

    private bool TriedAgain(CallNode call)
    {
        long again = Observed(call, CostNames.Again).Count;
        long given = Observed(call, CostNames.GivenUp).Count;
        return Unit() < (again + 0.9) / (again + given + 1);
    }

    /// <summary>What a failure is remedied by, as often as it was; failures of all kinds are alike before one was seen.</summary>
    /// <param name="remedied">How often each remedy was used in this visit; the one that is taken is counted.</param>
    /// <returns>The remedy, and how often it was used with this time; <see langword="null"/>: none.</returns>
    private (Remedy Remedy, int Times)? RemedyOf(CallNode call, int[] remedied)
    {
        string step = Subject(call);
        double prior = 1.0 / (remedied.Length + 1);
        Span<double> weights = remedied.Length < 64 ? stackalloc double[remedied.Length + 1] : new double[remedied.Length + 1];
        double others = book[step, CostNames.FailedSeconds].Count;
        for (int i = 0; i < remedied.Length; i++)
        {
            double seen = book[step, CostNames.Remedied(i)].Count;
            others -= seen;
            weights[i] = remedied[i] < call.Remedies[i].Times ? seen + prior : 0;
        }

        weights[^1] = Math.Max(0, others) + prior;
        double sum = 0;
        foreach (double weight in weights)
        {
            sum += weight;
        }

        int kind = Of(weights, sum);
        if (kind == remedied.Length)
        {
            return null;
        }

        return (call.Remedies[kind], ++remedied[kind]);
    }

    /// <param name="times">How often it was used in this visit, this time included.</param>
    /// <returns>Whether the step ends with it, and then how; and how long it takes.</returns>
    private (bool Ends, bool Ok, double Seconds) Help(Remedy remedy, int times)
    {
        if (remedy.Call is not { } helper)
        {
            return (false, false, remedy.Backoff.DelayAfter(times, random.NextUInt64()).TotalSeconds);
        }

        (bool helped, double seconds) = Call(helper);
        return (!helped || remedy.IsAnswer, helped, seconds);
    }
}
