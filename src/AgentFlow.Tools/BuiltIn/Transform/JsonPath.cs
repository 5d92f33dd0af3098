using System.Text.Json;

namespace AgentFlow.Tools.BuiltIn.Transform;

/// <summary>
/// A JSONPath query (RFC 9535) without filter selectors: root, member, index, slice, wildcard, descendants and their lists.
/// </summary>
internal sealed class JsonPath
{
    private readonly IReadOnlyList<Segment> _segments;

    private JsonPath(string text, IReadOnlyList<Segment> segments)
    {
        Text = text;
        _segments = segments;
        // RFC 9535 §2.3.5.1: a singular query gives one node at most.
        IsSingular = segments.All(s => !s.Descendants && s.Selectors is [NameSelector or IndexSelector]);
    }

    public static JsonPath Root { get; } = new("$", []);

    public string Text { get; }

    public bool IsSingular { get; }

    /// <summary>Parses a query; <paramref name="problem"/> says what is wrong and where when the result is <see langword="null"/>.</summary>
    public static JsonPath? Parse(string text, out string? problem)
    {
        var parser = new JsonPathParser(text);
        IReadOnlyList<Segment>? segments = parser.Parse();
        problem = parser.Problem;
        return segments is null ? null : new JsonPath(text, segments);
    }

    /// <summary>Reads a required path of a call's input; <see langword="null"/> after noting a problem.</summary>
    public static JsonPath? Read(InputObject owner, string name)
    {
        if (owner.Text(name, required: true) is not { } text)
            return null;
        JsonPath? path = Parse(text, out string? problem);
        if (path is null)
            owner.Refuse(name, problem!);
        return path;
    }

    /// <summary>The selected nodes in the order of RFC 9535; <see langword="null"/> when the query costs more than the limit.</summary>
    public List<JsonElement>? Select(JsonElement root, PathLimit limit)
    {
        List<JsonElement> nodes = [root];
        foreach (Segment segment in _segments)
        {
            List<JsonElement> next = [];
            foreach (JsonElement node in nodes)
            {
                if (!(segment.Descendants ? Descend(node, segment, next, limit) : Apply(node, segment, next, limit)))
                    return null;
            }

            nodes = next;
        }

        return nodes;
    }

    private static bool Descend(JsonElement node, Segment segment, List<JsonElement> next, PathLimit limit)
    {
        if (!Apply(node, segment, next, limit))
            return false;
        foreach (JsonElement child in Children(node))
        {
            if (child.ValueKind is JsonValueKind.Object or JsonValueKind.Array && !Descend(child, segment, next, limit))
                return false;
        }

        return true;
    }

    private static bool Apply(JsonElement node, Segment segment, List<JsonElement> next, PathLimit limit)
    {
        foreach (Selector selector in segment.Selectors)
        {
            // A look-up walks the members or elements, so their number is its price.
            if (!limit.Spend(1 + Size(node)))
                return false;
            selector.Select(node, next);
            if (!limit.Holds(next.Count))
                return false;
        }

        return true;
    }

    internal static IEnumerable<JsonElement> Children(JsonElement node) => node.ValueKind switch
    {
        JsonValueKind.Array => node.EnumerateArray(),
        JsonValueKind.Object => node.EnumerateObject().Select(p => p.Value),
        _ => [],
    };

    private static int Size(JsonElement node) => node.ValueKind switch
    {
        JsonValueKind.Array => node.GetArrayLength(),
        JsonValueKind.Object => node.GetPropertyCount(),
        _ => 0,
    };

    internal sealed record Segment(bool Descendants, IReadOnlyList<Selector> Selectors);

    internal abstract record Selector
    {
        public abstract void Select(JsonElement node, List<JsonElement> next);
    }

    internal sealed record NameSelector(string Name) : Selector
    {
        public override void Select(JsonElement node, List<JsonElement> next)
        {
            if (node.ValueKind == JsonValueKind.Object && node.TryGetProperty(Name, out JsonElement value))
                next.Add(value);
        }
    }

    internal sealed record IndexSelector(long Index) : Selector
    {
        public override void Select(JsonElement node, List<JsonElement> next)
        {
            if (node.ValueKind != JsonValueKind.Array)
                return;
            long index = Index < 0 ? node.GetArrayLength() + Index : Index;
            if (index >= 0 && index < node.GetArrayLength())
                next.Add(node[(int)index]);
        }
    }

    internal sealed record WildcardSelector : Selector
    {
        public override void Select(JsonElement node, List<JsonElement> next) => next.AddRange(Children(node));
    }

    internal sealed record SliceSelector(long? Start, long? End, long Step) : Selector
    {
        // RFC 9535 §2.3.4.2.2.
        public override void Select(JsonElement node, List<JsonElement> next)
        {
            if (node.ValueKind != JsonValueKind.Array || Step == 0)
                return;
            long length = node.GetArrayLength();
            JsonElement[] items = [.. node.EnumerateArray()];
            if (Step > 0)
            {
                long end = Math.Clamp(Normal(End ?? length, length), 0, length);
                for (long i = Math.Clamp(Normal(Start ?? 0, length), 0, length); i < end; i += Step)
                    next.Add(items[i]);
            }
            else
            {
                long end = Math.Clamp(End is { } given ? Normal(given, length) : -1, -1, length - 1);
                for (long i = Math.Clamp(Normal(Start ?? (length - 1), length), -1, length - 1); i > end; i += Step)
                    next.Add(items[i]);
            }
        }

        private static long Normal(long index, long length) => index >= 0 ? index : length + index;
    }
}
