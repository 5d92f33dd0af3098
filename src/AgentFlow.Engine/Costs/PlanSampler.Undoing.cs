using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Nodes;

namespace AgentFlow.Engine.Costs;

/// <summary>What is cut short, and what is undone.</summary>
internal sealed partial class PlanSampler
{
    /// <summary>Visits a node beside others, and keeps what it uses apart until it is known how much of it there was time for.</summary>
    private Part Aside(PlanNode node)
    {
        (Use used, List<CallNode>? done) = (_used, _done);
        (_used, _done) = (default, null);
        (bool ok, double seconds) = Visit(node);
        var part = new Part(ok, seconds, _used, _done);
        (_used, _done) = (used, done);
        return part;
    }

    /// <summary>Adds what a visit has used until it ended or was cancelled. A call in flight is not on record, and may have happened.</summary>
    /// <param name="end">When it is cancelled if it has not ended, on the same clock as its start.</param>
    /// <returns>How long it takes to undo what was done in it by then.</returns>
    private double Take(PlanNode node, Part part, double start, double end)
    {
        if (start + part.Seconds <= end)
        {
            _used += part.Used;
            if (part.Done is not null)
            {
                (_done ??= []).AddRange(part.Done);
            }

            return 0;
        }

        if (node is CallNode call)
        {
            Did(call, ok: call.Effects == Effects.External);
            return 0;
        }

        double share = (end - start) / part.Seconds;
        double seconds = 0;
        _used += share * part.Used;
        foreach (CallNode done in part.Done ?? [])
        {
            seconds += Unit() < share ? Call(done.Compensation!).Seconds : 0;
        }

        return seconds;
    }

    /// <summary>A call has ended; one that failed may have happened all the same.</summary>
    private void Did(CallNode call, bool ok)
    {
        if (call.Compensation is not null && (ok || (call.Effects == Effects.External && Chance(call, CostNames.LeftSomething, CostNames.LeftNothing, 0.5))))
        {
            (_done ??= []).Add(call);
        }
    }

    /// <summary>Undoes what was done since, the latest first. What cannot be undone is taken for settled at once by whoever is asked.</summary>
    /// <param name="before">Calls that were done before, and stay.</param>
    /// <returns>How long it takes.</returns>
    private double Undo(int before)
    {
        double seconds = 0;
        while (_done is not null && _done.Count > before)
        {
            CallNode done = _done[^1];
            _done.RemoveAt(_done.Count - 1);
            seconds += Call(done.Compensation!).Seconds;
        }

        return seconds;
    }

    /// <summary>A visit that ran beside others.</summary>
    /// <param name="Done">What it did that can be undone and is not.</param>
    private sealed record Part(bool Ok, double Seconds, Use Used, List<CallNode>? Done);
}
