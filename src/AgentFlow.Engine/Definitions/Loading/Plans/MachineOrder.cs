using System.Collections;
using AgentFlow.Engine.Definitions.Loading.Expressions;

namespace AgentFlow.Engine.Definitions.Loading.Plans;

/// <summary>Who leads where in a state machine.</summary>
/// <param name="next">For each state, where it can lead.</param>
/// <param name="initial"><see langword="null"/> when the file does not say.</param>
/// <param name="isComplete">False when a target is unknown: nothing is then claimed about what cannot be reached.</param>
internal sealed class MachineOrder(IReadOnlyDictionary<string, int> ordinals, IReadOnlyList<IReadOnlyList<int>> next, int? initial, bool isComplete) : IStepOrder
{
    private readonly Dictionary<int, BitArray> _leadingTo = [];
    private List<int>[]? _previous;
    private BitArray? _reachable;

    public IReadOnlyDictionary<string, int> Ordinals => ordinals;

    /// <summary>True when everything is known that is needed to say what cannot be reached.</summary>
    public bool IsKnown => isComplete && initial is not null;

    public bool IsReachable(int state) => !IsKnown || (_reachable ??= Spread([initial!.Value], next))[state];

    /// <summary>The states from which one of the given ones can be reached, those included.</summary>
    public BitArray LeadingTo(IEnumerable<int> states) => Spread(states, Previous);

    public StepOrder Compare(int used, int reader, bool afterReader)
    {
        if ((afterReader && used == reader) || !IsKnown || !IsReachable(reader))
        {
            return StepOrder.Before;
        }

        if (!_leadingTo.TryGetValue(reader, out BitArray? leading))
        {
            _leadingTo.Add(reader, leading = Spread(Previous[reader], Previous));
        }

        return leading[used] ? StepOrder.Before : StepOrder.Never;
    }

    private List<int>[] Previous
    {
        get
        {
            if (_previous is null)
            {
                _previous = [.. next.Select(_ => new List<int>())];
                for (int state = 0; state < next.Count; state++)
                {
                    foreach (int target in next[state])
                    {
                        _previous[target].Add(state);
                    }
                }
            }

            return _previous;
        }
    }

    private BitArray Spread(IEnumerable<int> from, IReadOnlyList<IReadOnlyList<int>> edges)
    {
        var seen = new BitArray(next.Count);
        var open = new Stack<int>(from);
        while (open.TryPop(out int state))
        {
            if (!seen[state])
            {
                seen[state] = true;
                foreach (int target in edges[state])
                {
                    open.Push(target);
                }
            }
        }

        return seen;
    }
}
