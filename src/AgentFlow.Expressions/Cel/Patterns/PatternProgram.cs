namespace AgentFlow.Expressions.Cel.Patterns;

/// <summary>A regular expression as instructions of a nondeterministic automaton.</summary>
internal sealed class PatternProgram
{
    private readonly List<Instruction> _instructions = [];

    private PatternProgram(PatternNode node)
    {
        var end = Emit(new Instruction(InstructionKind.Match));
        Start = Emit(node, end);
    }

    public enum InstructionKind : byte
    {
        Set,
        Split,
        Assertion,
        Match,
    }

    public int Start { get; }

    public int Count => _instructions.Count;

    public bool HasAssertions => _instructions.Exists(instruction => instruction.Kind == InstructionKind.Assertion);

    public Instruction this[int index] => _instructions[index];

    public static PatternProgram Compile(PatternNode node) => new(node);

    // Written back to front: every part is told where to go on.
    private int Emit(PatternNode node, int next)
    {
        switch (node)
        {
            case PatternNode.Set set:
                return Emit(new Instruction(InstructionKind.Set) { Members = set.Members, Next = next });
            case PatternNode.Assertion assertion:
                return Emit(new Instruction(InstructionKind.Assertion) { Assertion = assertion.Kind, Next = next });
            case PatternNode.Sequence sequence:
                for (var i = sequence.Parts.Count - 1; i >= 0; i--)
                {
                    next = Emit(sequence.Parts[i], next);
                }

                return next;
            case PatternNode.Choice choice:
                var entry = Emit(choice.Branches[^1], next);
                for (var i = choice.Branches.Count - 2; i >= 0; i--)
                {
                    entry = Emit(new Instruction(InstructionKind.Split) { Next = Emit(choice.Branches[i], next), Other = entry });
                }

                return entry;
            case PatternNode.Repeat repeat:
                return Emit(repeat, next);
            default:
                throw new InvalidOperationException($"No instructions for {node.GetType().Name}.");
        }
    }

    private int Emit(PatternNode.Repeat repeat, int next)
    {
        var entry = next;
        if (repeat.Maximum is { } maximum)
        {
            for (var i = repeat.Minimum; i < maximum; i++)
            {
                entry = Emit(new Instruction(InstructionKind.Split) { Next = Emit(repeat.Part, entry), Other = next });
            }
        }
        else
        {
            entry = Emit(new Instruction(InstructionKind.Split) { Other = next });
            _instructions[entry] = _instructions[entry] with { Next = Emit(repeat.Part, entry) };
        }

        for (var i = 0; i < repeat.Minimum; i++)
        {
            entry = Emit(repeat.Part, entry);
        }

        return entry;
    }

    private int Emit(Instruction instruction)
    {
        _instructions.Add(instruction);
        return _instructions.Count - 1;
    }

    public readonly record struct Instruction(InstructionKind Kind)
    {
        public CodePointSet? Members { get; init; }

        public PatternAssertion Assertion { get; init; }

        public int Next { get; init; }

        /// <summary>The second way out of a split.</summary>
        public int Other { get; init; }
    }
}
