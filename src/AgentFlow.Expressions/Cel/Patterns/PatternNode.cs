namespace AgentFlow.Expressions.Cel.Patterns;

/// <summary>A regular expression as a tree. Greed does not matter to whether something matches, so the tree has none.</summary>
internal abstract record PatternNode
{
    /// <summary>Instructions it compiles to.</summary>
    public abstract long Size { get; }

    public sealed record Set(CodePointSet Members) : PatternNode
    {
        public override long Size => 1;
    }

    public sealed record Assertion(PatternAssertion Kind) : PatternNode
    {
        public override long Size => 1;
    }

    public sealed record Sequence(IReadOnlyList<PatternNode> Parts) : PatternNode
    {
        public override long Size { get; } = Parts.Sum(part => part.Size);
    }

    public sealed record Choice(IReadOnlyList<PatternNode> Branches) : PatternNode
    {
        public override long Size { get; } = Branches.Sum(branch => branch.Size + 2);
    }

    /// <param name="Maximum">Null for no end.</param>
    public sealed record Repeat(PatternNode Part, int Minimum, int? Maximum) : PatternNode
    {
        public override long Size { get; } = Math.Min((Part.Size + 1) * Math.Max(1, Maximum ?? (Minimum + 1)), int.MaxValue);
    }
}

internal enum PatternAssertion : byte
{
    StartOfText,
    EndOfText,
    StartOfLine,
    EndOfLine,
    WordBoundary,
    NotWordBoundary,
}
