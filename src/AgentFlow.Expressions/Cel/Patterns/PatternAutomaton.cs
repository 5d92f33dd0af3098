using System.Runtime.InteropServices;
using System.Text;

namespace AgentFlow.Expressions.Cel.Patterns;

/// <summary>
/// Runs a program over text, following all its threads at once. Sets of threads become states that remember, for ASCII,
/// where they lead: after warming up a character costs one array access. Used by one thread at a time.
/// </summary>
internal sealed class PatternAutomaton
{
    // Bounds the memory of one pattern to about 1 MiB; beyond it states are forgotten and built again.
    private const int MostKept = 128 * 1024;
    private const int AsciiLimit = 128;
    private const int EndOfText = -1;

    private static readonly State Accepting = new([], Context.None);

    private readonly PatternProgram _program;
    private readonly bool _hasAssertions;
    private readonly Dictionary<StateKey, State> _states = [];
    private readonly SparseSet _threads;
    private readonly SparseSet _next;
    private readonly Stack<int> _pending = new();
    private int _kept;

    public PatternAutomaton(PatternProgram program)
    {
        _program = program;
        _hasAssertions = program.HasAssertions;
        _threads = new SparseSet(program.Count);
        _next = new SparseSet(program.Count);
    }

    /// <summary>What stood before a position.</summary>
    private enum Context : byte
    {
        None,
        StartOfText,
        LineFeed,
        WordCharacter,
    }

    public bool IsMatch(string text)
    {
        _threads.Clear();
        var state = Follow(_program.Start, _threads, null) ? Accepting : StateOf(_threads, Context.StartOfText);
        for (var i = 0; i < text.Length && !ReferenceEquals(state, Accepting);)
        {
            int codePoint = text[i];
            if (codePoint < AsciiLimit)
            {
                i++;
                state = state.Ascii is { } ascii ? ascii[codePoint] ??= Step(state, codePoint) : FirstStep(state, codePoint);
                continue;
            }

            // Half a surrogate pair counts as the replacement character.
            Rune.DecodeFromUtf16(text.AsSpan(i), out var rune, out var length);
            i += length;
            state = Step(state, rune.Value);
        }

        return ReferenceEquals(state, Accepting) || ReferenceEquals(Step(state, EndOfText), Accepting);
    }

    // A state that is left only once, as most are where states abound, need not remember where it led.
    private State FirstStep(State state, int codePoint)
    {
        if (state.WasLeft)
        {
            state.Ascii = new State?[AsciiLimit];
            _kept += AsciiLimit * 2;
        }

        state.WasLeft = true;
        return Step(state, codePoint);
    }

    private State Step(State state, int codePoint)
    {
        _threads.Clear();
        var surroundings = new Surroundings(state.Before, codePoint);
        foreach (var thread in state.Threads)
        {
            if (Follow(thread, _threads, surroundings))
            {
                return Accepting;
            }
        }

        _next.Clear();
        if (codePoint != EndOfText)
        {
            foreach (var thread in _threads.Members)
            {
                var instruction = _program[thread];
                if (instruction.Kind == PatternProgram.InstructionKind.Set && instruction.Members!.Contains(codePoint) && Follow(instruction.Next, _next, null))
                {
                    return Accepting;
                }
            }

            // A match may start at any character.
            Follow(_program.Start, _next, null);
        }

        return StateOf(_next, !_hasAssertions ? Context.None
            : codePoint == '\n' ? Context.LineFeed
            : CodePointClasses.IsWordCharacter(Math.Max(codePoint, 0)) ? Context.WordCharacter : Context.None);
    }

    /// <summary>
    /// Adds an instruction and all that it leads to without reading. Without surroundings, assertions stay in the set,
    /// to be decided when the next character is known. True when the match is complete.
    /// </summary>
    private bool Follow(int start, SparseSet threads, Surroundings? surroundings)
    {
        _pending.Clear();
        _pending.Push(start);
        while (_pending.TryPop(out var thread))
        {
            if (!threads.Add(thread))
            {
                continue;
            }

            var instruction = _program[thread];
            switch (instruction.Kind)
            {
                case PatternProgram.InstructionKind.Match:
                    return true;
                case PatternProgram.InstructionKind.Split:
                    _pending.Push(instruction.Other);
                    _pending.Push(instruction.Next);
                    break;
                case PatternProgram.InstructionKind.Assertion when surroundings is { } at && at.Satisfy(instruction.Assertion):
                    _pending.Push(instruction.Next);
                    break;
            }
        }

        return false;
    }

    private State StateOf(SparseSet threads, Context before)
    {
        // Splits were followed; only what waits for a character tells states apart.
        var waiting = new List<int>(threads.Members.Length);
        foreach (var thread in threads.Members)
        {
            if (_program[thread].Kind != PatternProgram.InstructionKind.Split)
            {
                waiting.Add(thread);
            }
        }

        waiting.Sort();
        var key = new StateKey([.. waiting], before);
        if (_states.TryGetValue(key, out var state))
        {
            return state;
        }

        _kept += 32 + key.Threads.Length;
        if (_kept > MostKept)
        {
            _states.Clear();
            _kept = 0;
        }

        state = new State(key.Threads, before);
        _states.Add(key, state);
        return state;
    }

    private sealed class State(int[] threads, Context before)
    {
        public int[] Threads => threads;

        public Context Before => before;

        public bool WasLeft { get; set; }

        public State?[]? Ascii { get; set; }
    }

    private readonly struct StateKey(int[] threads, Context before) : IEquatable<StateKey>
    {
        public int[] Threads => threads;

        public bool Equals(StateKey other) => before == other.Before && threads.AsSpan().SequenceEqual(other.Threads);

        public override bool Equals(object? obj) => obj is StateKey other && Equals(other);

        public override int GetHashCode()
        {
            var hash = default(HashCode);
            hash.Add(before);
            hash.AddBytes(MemoryMarshal.AsBytes(threads.AsSpan()));
            return hash.ToHashCode();
        }

        private Context Before => before;
    }

    /// <summary>A position between two characters.</summary>
    private readonly struct Surroundings(Context before, int after)
    {
        public bool Satisfy(PatternAssertion assertion) => assertion switch
        {
            PatternAssertion.StartOfText => before == Context.StartOfText,
            PatternAssertion.EndOfText => after == EndOfText,
            PatternAssertion.StartOfLine => before is Context.StartOfText or Context.LineFeed,
            PatternAssertion.EndOfLine => after is EndOfText or '\n',
            PatternAssertion.WordBoundary => IsBoundary,
            _ => !IsBoundary,
        };

        private bool IsBoundary => (before == Context.WordCharacter) != (after != EndOfText && CodePointClasses.IsWordCharacter(after));
    }

    /// <summary>A set of small numbers that empties in no time.</summary>
    private sealed class SparseSet(int capacity)
    {
        private readonly int[] _members = new int[capacity];
        private readonly int[] _positions = new int[capacity];
        private int _count;

        public ReadOnlySpan<int> Members => _members.AsSpan(0, _count);

        public void Clear() => _count = 0;

        public bool Add(int member)
        {
            var position = _positions[member];
            if (position < _count && _members[position] == member)
            {
                return false;
            }

            _members[_count] = member;
            _positions[member] = _count++;
            return true;
        }
    }
}
