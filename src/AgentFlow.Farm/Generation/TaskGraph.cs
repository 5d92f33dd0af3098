namespace AgentFlow.Farm.Generation;

/// <summary>The dependencies of a workflow's tasks, without the way back of its cycle. Tasks are known by their place in the list.</summary>
internal sealed class TaskGraph
{
    private readonly int[][] _after;
    private readonly bool[,] _reaches;

    /// <exception cref="InvalidOperationException">The tasks depend on each other in a circle, or on one that is not there.</exception>
    public TaskGraph(IReadOnlyList<WorkflowTask> tasks, WorkflowCycle? cycle)
    {
        Dictionary<string, int> places = tasks.Select((t, i) => (t.TaskId, i)).ToDictionary(p => p.TaskId, p => p.i, StringComparer.Ordinal);
        _after = [.. tasks.Select(t => t.DependsOn
            .Where(d => cycle is null || t.TaskId != cycle.To || d != cycle.From)
            .Select(d => places.TryGetValue(d, out int place) ? place : throw new InvalidOperationException($"{t.TaskId} depends on {d}, which is not there."))
            .ToArray())];
        Count = tasks.Count;
        Order = Sort();
        _reaches = new bool[Count, Count];
        foreach (int task in Order)
        {
            foreach (int before in _after[task])
            {
                _reaches[before, task] = true;
                for (int i = 0; i < Count; i++)
                {
                    _reaches[i, task] |= _reaches[i, before];
                }
            }
        }
    }

    public int Count { get; }

    /// <summary>A topological order: of the tasks whose dependencies are done always the first one.</summary>
    public IReadOnlyList<int> Order { get; }

    /// <summary>Whether <paramref name="later"/> can only start after <paramref name="earlier"/>.</summary>
    public bool Reaches(int earlier, int later) => _reaches[earlier, later];

    /// <summary>The largest sum of weights along a chain of dependencies.</summary>
    public long LongestChain(Func<int, long> weight)
    {
        long[] until = new long[Count];
        foreach (int task in Order)
        {
            until[task] = weight(task) + _after[task].Select(d => until[d]).DefaultIfEmpty().Max();
        }

        return until.DefaultIfEmpty().Max();
    }

    /// <summary>Whether a task can run at the same time as another one.</summary>
    public bool IsParallelizable(int task) => Enumerable.Range(0, Count).Any(other => other != task && !Reaches(task, other) && !Reaches(other, task));

    /// <summary>Most tasks that can run at the same time: the tasks minus a largest matching of the order (Dilworth).</summary>
    public int Width()
    {
        int[] matched = [.. Enumerable.Repeat(-1, Count)];
        int chains = Count;
        for (int i = 0; i < Count; i++)
        {
            if (Augment(i, new bool[Count]))
            {
                chains--;
            }
        }

        return chains;

        bool Augment(int from, bool[] seen)
        {
            for (int to = 0; to < Count; to++)
            {
                if (Reaches(from, to) && !seen[to])
                {
                    seen[to] = true;
                    if (matched[to] < 0 || Augment(matched[to], seen))
                    {
                        matched[to] = from;
                        return true;
                    }
                }
            }

            return false;
        }
    }

    private List<int> Sort()
    {
        List<int> order = [];
        bool[] done = new bool[Count];
        while (order.Count < Count)
        {
            int next = Enumerable.Range(0, Count).FirstOrDefault(task => !done[task] && Array.TrueForAll(_after[task], d => done[d]), -1);
            if (next < 0)
            {
                throw new InvalidOperationException("the tasks depend on each other in a circle.");
            }

            done[next] = true;
            order.Add(next);
        }

        return order;
    }
}
