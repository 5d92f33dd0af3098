using System.Text.Json;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>A run's events as the API gives them, and what must hold for them whatever happened.</summary>
internal sealed class RunJournal(IReadOnlyList<JsonElement> events)
{
    /// <summary>How often attempts of a state were announced.</summary>
    public int Starts(string state) => events.Count(e => Type(e) == "step_started" && Path(e).Split('#')[0] == state);

    public void EndsOnce()
    {
        Assert.Single(events, e => Type(e) is "run_completed" or "run_failed" or "run_cancelled");
        Assert.StartsWith("run_", Type(events[^1]), StringComparison.Ordinal);
    }

    public void NoStepRunsAfterItsOutcome()
    {
        HashSet<string> done = [];
        foreach (JsonElement e in events)
        {
            if (Type(e) == "step_succeeded")
            {
                Assert.True(done.Add(Path(e)), $"{Path(e)} succeeded twice");
            }
            else if (Type(e) == "step_started")
            {
                Assert.False(done.Contains(Path(e)), $"{Path(e)} was started again after its success");
            }
        }
    }

    /// <summary>Every accepted signal is on record, once.</summary>
    public void HoldsSignals(IEnumerable<int> accepted)
    {
        int[] taken = [.. events.Where(e => Type(e) == "signal_received").Select(e => e.GetProperty("payload").GetInt32())];
        Assert.Equal(taken.Distinct(), taken);
        Assert.Empty(accepted.Except(taken));
    }

    /// <summary>What people answered, and a change of the plan, happened once; and the answer is the one that was acknowledged.</summary>
    /// <param name="asks">Whether the run asks for an answer and an approval.</param>
    public void IsDecidedOnce(bool asks, IEnumerable<int> acknowledged)
    {
        Assert.True(events.Count(e => Type(e) == "plan_modified") <= 1, "the plan was changed twice");
        if (!asks)
        {
            return;
        }

        int answer = Assert.Single(events, e => Type(e) == "step_answered").GetProperty("output").GetInt32();
        Assert.All(acknowledged, a => Assert.Equal(answer, a));
        Assert.Single(events, e => Type(e) == "approval_requested");
        Assert.Single(events, e => Type(e) == "approval_decided");
    }

    private static string Type(JsonElement e) => e.GetProperty("type").GetString()!;

    private static string Path(JsonElement e) => e.GetProperty("path").GetString()!;
}
