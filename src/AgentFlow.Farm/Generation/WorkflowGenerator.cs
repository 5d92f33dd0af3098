using System.Globalization;
using static System.FormattableString;

namespace AgentFlow.Farm.Generation;

/// <summary>Makes workflows from a seed. The chaos rate plants faults and changes nothing else about a workflow.</summary>
public static class WorkflowGenerator
{
    private const int CompensatedPercent = 25;
    private static readonly string[] Subjects = ["Order", "Invoice", "Claim", "Shipment", "Contract", "Onboarding", "Refund", "Audit", "Forecast", "Incident"];

    /// <summary>The shapes, as <c>workflow_type</c> names them.</summary>
    public static IReadOnlyList<string> Types => WorkflowShape.All;

    /// <param name="type">One of <see cref="Types"/>; <see langword="null"/>: the seed chooses.</param>
    /// <param name="tasks">2 to 20.</param>
    /// <param name="chaosRate">Probability, from 0 to 1, that a task is hit.</param>
    public static Workflow Single(string? type, int tasks, double chaosRate, long seed)
    {
        const string Stream = "workflow";
        return Create(seed, Stream, 0, type ?? new Dice(seed, Stream + "/type").Pick(WorkflowShape.All), tasks, ChaosPlan.For(seed, Stream, chaosRate));
    }

    /// <param name="count">1 to 100.</param>
    public static WorkflowBatch Batch(int count, double chaosRate, long seed) => Batch(Invariant($"batch-{seed}-{count}"), "batch", count, 4, 10, chaosRate, seed);

    /// <summary>One workflow of the endless stream; every other one can be made without it.</summary>
    /// <param name="sequence">From 0.</param>
    public static Workflow InStream(long sequence, double chaosRate, long seed)
    {
        string stream = Invariant($"stream/{sequence}");
        var dice = new Dice(seed, stream + "/type");
        return Create(seed, "stream", sequence, dice.Pick(WorkflowShape.All), dice.Between(4, 10), ChaosPlan.For(seed, stream, chaosRate)) with { StreamSequence = sequence };
    }

    internal static WorkflowBatch Batch(string id, string stream, int count, int leastTasks, int mostTasks, double chaosRate, long seed)
    {
        var dice = new Dice(seed, stream + "/types");
        List<string> types = [.. WorkflowShape.All];
        dice.Shuffle(types);
        ChaosPlan chaos = ChaosPlan.For(seed, stream, chaosRate);
        // In turn, so that six workflows show all six shapes.
        Workflow[] workflows = [.. Enumerable.Range(0, count).Select(i => Create(seed, stream, i, types[i % types.Count], dice.Between(leastTasks, mostTasks), chaos))];
        return new WorkflowBatch(id, seed, chaosRate, count, workflows.Sum(w => w.Tasks.Count), workflows.Sum(w => w.Expected.ChaosEventsExpected), workflows);
    }

    private static Workflow Create(long seed, string stream, long number, string type, int count, ChaosPlan chaos)
    {
        string id = $"wf-{new Dice(seed, stream + "/id").Hex8()}-{(number + 1).ToString("0000", CultureInfo.InvariantCulture)}";
        var dice = new Dice(seed, Invariant($"{stream}/{number}/graph"));
        string name = Invariant($"{dice.Pick(Subjects)} {type.Replace('_', ' ')} {number + 1}");
        ShapeNode[] nodes = WorkflowShape.Nodes(type, count, dice);
        WorkflowTask[] tasks = [.. nodes.Select((node, i) => CreateTask(id, i, node, type, dice))];
        WorkflowCycle? cycle = null;
        if (type == WorkflowShape.Cyclic)
        {
            var (first, last) = WorkflowShape.Loop(count);
            cycle = new WorkflowCycle(TaskId(id, last), TaskId(id, first), dice.Between(2, 3));
            tasks[first] = tasks[first] with { DependsOn = [.. tasks[first].DependsOn, cycle.From] };
        }

        IReadOnlyList<WorkflowTask> struck = chaos.Plant(tasks, new Dice(seed, Invariant($"{stream}/{number}/chaos")));
        return new Workflow(id, type, name, struck, tasks[0].TaskId, tasks[^1].TaskId, WorkflowOracle.Expect(struck, cycle), cycle);
    }

    private static string TaskId(string workflow, int place) => $"{workflow}-t{(place + 1).ToString("00", CultureInfo.InvariantCulture)}";

    private static WorkflowTask CreateTask(string workflow, int place, ShapeNode node, string shape, Dice dice)
    {
        TaskKind drawn = TaskCatalog.Kinds[dice.Weighted([.. TaskCatalog.Kinds.Select(k => k.Weight)])];
        TaskKind kind = node.Kind is { } wanted ? TaskCatalog.Kind(wanted) : drawn;
        bool retryable = dice.Below(100) < kind.RepeatablePercent;
        int retries = dice.Between(3, 5);
        bool compensates = shape == WorkflowShape.Saga || dice.Below(100) < CompensatedPercent;
        string name = dice.Pick(kind.Names);
        bool hasEffect = kind.Name is "io_write" or "api_call" or "notification";
        return new WorkflowTask(
            TaskId(workflow, place),
            kind.Name,
            name,
            [.. node.After.Select(a => TaskId(workflow, a))],
            Tools(kind, dice),
            kind.MeanMs * dice.Between(80, 120) / 100,
            kind.Tokens * dice.Between(80, 120) / 100,
            dice.Between(1, 5),
            retryable,
            retryable ? retries : 0,
            retryable && (!hasEffect || dice.Below(2) == 0),
            dice.Pick(kind.AgentKinds),
            hasEffect && compensates ? $"Undo: {name}" : null);
    }

    private static string[] Tools(TaskKind kind, Dice dice)
    {
        List<string> tools = [.. kind.Tools];
        dice.Shuffle(tools);
        int wanted = tools.Count == 0 ? 0 : dice.Between(1, Math.Min(2, tools.Count));
        return [.. tools.Take(wanted).Order(StringComparer.Ordinal)];
    }
}
