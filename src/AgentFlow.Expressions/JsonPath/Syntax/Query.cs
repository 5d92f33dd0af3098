using System.Text;

namespace AgentFlow.Expressions.JsonPath.Syntax;

/// <summary>A query: where it starts, and the segments that it takes from there. Equal only to itself.</summary>
internal sealed class Query(bool isRelative, IReadOnlyList<Segment> segments)
{
    /// <summary>Starts at <c>@</c>, the value that a filter looks at; else at <c>$</c>.</summary>
    public bool IsRelative => isRelative;

    public IReadOnlyList<Segment> Segments => segments;

    /// <summary>RFC 9535 §2.3.5.1: gives one node at most.</summary>
    public bool IsSingular { get; } = segments.All(s => !s.IsDescendant && s.Selectors is [Selector.Name or Selector.Index]);
}

/// <param name="IsDescendant">Applies to the values below its input as well: <c>..</c></param>
internal sealed record Segment(bool IsDescendant, IReadOnlyList<Selector> Selectors);

internal abstract record Selector
{
    /// <summary><c>'name'</c></summary>
    public sealed record Name(string Text) : Selector
    {
        public byte[] Utf8 { get; } = Encoding.UTF8.GetBytes(Text);
    }

    /// <summary><c>*</c></summary>
    public sealed record Wildcard : Selector;

    /// <summary><c>-1</c>: counted from the end when negative.</summary>
    public sealed record Index(long Value) : Selector;

    /// <summary><c>1:5:2</c></summary>
    public sealed record Slice(long? Start, long? End, long Step) : Selector
    {
        /// <summary>The first element and the one to stop before, RFC 9535 §2.3.4.2.2.</summary>
        public (long First, long Limit) BoundsIn(long length) => Step >= 0
            ? (Math.Clamp(Normal(Start ?? 0, length), 0, length), Math.Clamp(Normal(End ?? length, length), 0, length))
            : (Math.Clamp(Normal(Start ?? (length - 1), length), -1, length - 1),
                Math.Clamp(End is { } end ? Normal(end, length) : -1, -1, length - 1));

        private static long Normal(long index, long length) => index >= 0 ? index : length + index;
    }

    /// <summary><c>?@.price &lt; 10</c></summary>
    public sealed record Filter(Condition Condition) : Selector;
}
