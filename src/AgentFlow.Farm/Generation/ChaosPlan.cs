namespace AgentFlow.Farm.Generation;

/// <summary>
/// Plants faults into the workflows of one answer. Each task is hit with the chaos rate; of the faults that can hit it
/// the one is taken that was planted least often so far, so that all nine come soon. One plan in sixteen is harsh: about
/// half of its faults that can be beyond recovery are. The others plant only what can be recovered from.
/// </summary>
internal sealed class ChaosPlan(double rate, bool isHarsh)
{
    private const int HarshOneIn = 16;
    private readonly int[] _planted = new int[ChaosCatalog.Kinds.Count];

    public static ChaosPlan For(long seed, string stream, double rate) => new(rate, new Dice(seed, stream + "/harshness").Below(HarshOneIn) == 0);

    /// <summary>The tasks, some with a fault in them.</summary>
    public IReadOnlyList<WorkflowTask> Plant(IReadOnlyList<WorkflowTask> tasks, Dice dice) => [.. tasks.Select(task => Plant(task, dice))];

    private WorkflowTask Plant(WorkflowTask task, Dice dice)
    {
        if (!dice.Chance(rate))
        {
            return task;
        }

        List<(int Index, WorkflowTask Hit)> hits = isHarsh && dice.Below(2) == 0 ? Hits(task, beyond: true, dice) : [];
        if (hits.Count == 0)
        {
            hits = Hits(task, beyond: false, dice);
        }

        if (hits.Count == 0)
        {
            return task;
        }

        int least = hits.Min(h => _planted[h.Index]);
        (int Index, WorkflowTask Hit) chosen = dice.Pick(hits.FindAll(h => _planted[h.Index] == least));
        _planted[chosen.Index]++;
        return chosen.Hit;
    }

    private static List<(int Index, WorkflowTask Hit)> Hits(WorkflowTask task, bool beyond, Dice dice)
    {
        List<(int Index, WorkflowTask Hit)> hits = [];
        for (int i = 0; i < ChaosCatalog.Kinds.Count; i++)
        {
            ChaosKind kind = ChaosCatalog.Kinds[i];
            if (kind.Hits.Contains(task.Type) && Hit(task, kind, beyond, dice) is { } hit)
            {
                hits.Add((i, hit));
            }
        }

        return hits;
    }

    /// <summary>The task with this fault; <see langword="null"/> when it cannot be as severe, or as mild, as it should be.</summary>
    private static WorkflowTask? Hit(WorkflowTask task, ChaosKind kind, bool beyond, Dice dice)
    {
        int retries = task.Retryable ? task.MaxRetries : 0;
        ChaosParameters parameters = kind.Type switch
        {
            // One retry is left over: the agent may fail on its own account as well.
            ChaosCatalog.ToolTimeout => new(beyond ? retries + 1 : Attempts(retries - 1), DelayMs: task.ExpectedDurationMs * 2),
            ChaosCatalog.ToolFailure => new(beyond ? 1 : Attempts(retries - 1), Recoverable: !beyond),
            ChaosCatalog.RateLimit => new(Attempts(ChaosRule.RateLimitRetries), DelayMs: dice.Between(2, 10) * 100),
            ChaosCatalog.NetworkPartition => new(Attempts(ChaosRule.PartitionRetries), DelayMs: dice.Between(5, 20) * 100),
            ChaosCatalog.DataCorruption => new(1, Repairable: !beyond),
            ChaosCatalog.PolicyViolation => new(1, AutoApprove: true),
            ChaosCatalog.AgentConflict => new(1, ConflictingAgents: dice.Between(2, 3)),
            ChaosCatalog.MemoryPressure => new(1, ExcessTokens: dice.Between(1, 16) * 1000),
            _ => new(1),
        };
        WorkflowTask hit = task with { ChaosInjection = new ChaosInjection(kind.Type, kind.Description, kind.RecoveryAction, 1, parameters) };
        return ChaosRule.Outcome(hit) == Recovery.Completes ^ beyond ? hit : null;

        int Attempts(int withstood) => beyond ? withstood + 1 : dice.Between(1, Math.Max(1, withstood));
    }
}
