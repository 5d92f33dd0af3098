using System.Collections;
using AgentFlow.Engine.Definitions.Loading.Expressions;

namespace AgentFlow.Engine.Definitions.Loading.Plans;

/// <summary>Who waits for whom in a graph, directly and through others.</summary>
internal sealed class GraphOrder : IStepOrder
{
    private readonly IReadOnlyList<IReadOnlyList<int>> _dependsOn;
    private readonly BitArray?[] _before;
    private readonly BitArray _isIncomplete;

    /// <param name="isIncomplete">Steps whose dependencies are not all known.</param>
    public GraphOrder(IReadOnlyDictionary<string, int> ordinals, IReadOnlyList<IReadOnlyList<int>> dependsOn, BitArray isIncomplete)
    {
        Ordinals = ordinals;
        _dependsOn = dependsOn;
        _isIncomplete = isIncomplete;
        _before = new BitArray[dependsOn.Count];
        Settle();
    }

    public IReadOnlyDictionary<string, int> Ordinals { get; }

    public StepOrder Compare(int used, int reader, bool afterReader) =>
        _before[reader] is not { } before || _isIncomplete[reader] || before[used] || (afterReader && used == reader) ? StepOrder.Before : StepOrder.Unordered;

    /// <summary>Cycles, each as the steps that wait for the next one; every step that waits for itself in some way is in one of them or behind one.</summary>
    public IEnumerable<IReadOnlyList<int>> Cycles()
    {
        var seen = new BitArray(_before.Length);
        for (int start = 0; start < _before.Length; start++)
        {
            var path = new List<int>();
            var positions = new Dictionary<int, int>();
            int? step = start;
            while (step is { } at && _before[at] is null && !seen[at] && positions.TryAdd(at, path.Count))
            {
                path.Add(at);
                step = _dependsOn[at].Where(d => _before[d] is null).Select(d => (int?)d).FirstOrDefault();
            }

            if (step is { } repeated && positions.TryGetValue(repeated, out int first))
            {
                yield return path[first..];
            }

            foreach (int visited in path)
            {
                seen[visited] = true;
            }
        }
    }

    /// <summary>In an order in which every step comes after its dependencies; what a cycle holds back is left out.</summary>
    private void Settle()
    {
        int[] left = [.. _dependsOn.Select(d => d.Count)];
        List<int>[] dependents = [.. _dependsOn.Select(_ => new List<int>())];
        for (int step = 0; step < left.Length; step++)
        {
            foreach (int dependency in _dependsOn[step])
            {
                dependents[dependency].Add(step);
            }
        }

        var ready = new Queue<int>(Enumerable.Range(0, left.Length).Where(s => left[s] == 0));
        while (ready.TryDequeue(out int step))
        {
            var before = new BitArray(left.Length);
            foreach (int dependency in _dependsOn[step])
            {
                before.Or(_before[dependency]!);
                before[dependency] = true;
                _isIncomplete[step] |= _isIncomplete[dependency];
            }

            _before[step] = before;
            foreach (int dependent in dependents[step].Where(d => --left[d] == 0))
            {
                ready.Enqueue(dependent);
            }
        }
    }
}
