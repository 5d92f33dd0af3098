namespace AgentFlow.Farm.Generation;

/// <summary>What stands at one place of a shape.</summary>
/// <param name="Kind">The task's kind; <see langword="null"/>: any.</param>
/// <param name="After">Places that come before it.</param>
internal sealed record ShapeNode(string? Kind, int[] After);

/// <summary>The six shapes of workflows. Each has one entry, its first task, and one exit, its last.</summary>
internal static class WorkflowShape
{
    public const string Linear = "linear";
    public const string Dag = "dag";
    public const string Parallel = "parallel";
    public const string Saga = "saga";
    public const string MapReduce = "map_reduce";
    public const string Cyclic = "cyclic";

    public static IReadOnlyList<string> All { get; } = [Linear, Dag, Parallel, Saga, MapReduce, Cyclic];

    /// <param name="count">From 2.</param>
    public static ShapeNode[] Nodes(string shape, int count, Dice dice) => shape switch
    {
        Linear => Chain(count, _ => null),
        Saga => Chain(count, i => i == count - 1 ? TaskCatalog.Checkpoint : dice.Below(2) == 0 ? "io_write" : "api_call"),
        Cyclic => Chain(count, i => i == Loop(count).Last ? "decision" : null),
        Parallel => Fan(count, null, null),
        MapReduce => Fan(count, "io_read", dice.Below(2) == 0 ? "compute" : "api_call"),
        _ => Layers(count, dice),
    };

    /// <summary>The places of the first and the last task of a cyclic workflow's loop.</summary>
    public static (int First, int Last) Loop(int count) => count >= 4 ? (1, count - 2) : (0, 1);

    private static ShapeNode[] Chain(int count, Func<int, string?> kind) => [.. Enumerable.Range(0, count).Select(i => new ShapeNode(kind(i), i == 0 ? [] : [i - 1]))];

    /// <summary>One entry, everything else side by side, one exit that joins it.</summary>
    private static ShapeNode[] Fan(int count, string? entry, string? branch) =>
    [
        .. Enumerable.Range(0, count).Select(i =>
            i == 0 ? new ShapeNode(entry, [])
            : i < count - 1 ? new ShapeNode(branch, [0])
            : new ShapeNode("aggregation", count == 2 ? [0] : [.. Enumerable.Range(1, count - 2)])),
    ];

    /// <summary>Each task after one to three of the earlier ones, mostly recent ones; the last joins whatever nobody waits for.</summary>
    private static ShapeNode[] Layers(int count, Dice dice)
    {
        var nodes = new ShapeNode[count];
        nodes[0] = new ShapeNode(null, []);
        bool[] awaited = new bool[count];
        for (int i = 1; i < count - 1; i++)
        {
            var after = new SortedSet<int>();
            int wanted = Math.Min(i, dice.Between(1, 3));
            while (after.Count < wanted)
            {
                after.Add(Math.Max(dice.Below(i), dice.Below(i)));
            }

            foreach (int before in after) awaited[before] = true;
            nodes[i] = new ShapeNode(null, [.. after]);
        }

        nodes[count - 1] = new ShapeNode(null, [.. Enumerable.Range(0, count - 1).Where(i => !awaited[i])]);
        return nodes;
    }
}
