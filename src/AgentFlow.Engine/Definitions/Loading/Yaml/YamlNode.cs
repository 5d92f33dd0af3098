namespace AgentFlow.Engine.Definitions.Loading.Yaml;

/// <summary>A node of a parsed YAML document that knows where it stands. Aliases lead to the very node that they name.</summary>
/// <param name="offset">UTF-16 offset into <see cref="YamlText.Text"/>.</param>
internal abstract class YamlNode(int offset)
{
    public int Offset { get; } = offset;

    /// <summary>Levels from here down, aliases followed; 1 for a scalar.</summary>
    public abstract int Height { get; }

    /// <summary>About how many characters the node takes with every alias written out.</summary>
    public abstract long Weight { get; }

    /// <summary>What the node is, for "expected …, found …".</summary>
    public abstract string Describe();
}

/// <param name="end">Offset behind the scalar's last character.</param>
/// <param name="isPlain">Neither quoted nor a block nor tagged: the text may be a number, a boolean or null.</param>
internal sealed class YamlScalar(int offset, int end, string text, YamlStyle style, bool isPlain) : YamlNode(offset)
{
    // Quotes, comma and indentation that come with every scalar.
    private const int Overhead = 4;

    public int End { get; } = end;

    public string Text { get; } = text;

    public YamlStyle Style { get; } = style;

    public bool IsPlain { get; } = isPlain;

    public ScalarKind Kind { get; } = isPlain ? CoreSchema.Resolve(text) : ScalarKind.Text;

    public override int Height => 1;

    public override long Weight => Text.Length + Overhead;

    public override string Describe() => Kind switch
    {
        ScalarKind.Null => "nothing",
        ScalarKind.Boolean => "true or false",
        ScalarKind.Integer => "a whole number",
        ScalarKind.Float => "a number",
        _ => "text",
    };

    /// <summary>The same scalar as it stands elsewhere.</summary>
    public YamlScalar At(int offset) => new(offset, offset, Text, YamlStyle.Unknown, IsPlain);
}

internal enum YamlStyle : byte
{
    /// <summary>Positions inside the text are not known.</summary>
    Unknown,
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
    Folded,
}

internal sealed class YamlSequence(int offset, IReadOnlyList<YamlNode> items) : YamlNode(offset)
{
    public IReadOnlyList<YamlNode> Items { get; } = items;

    public override int Height { get; } = 1 + items.Select(i => i.Height).DefaultIfEmpty(0).Max();

    public override long Weight { get; } = 2 + items.Sum(i => i.Weight);

    public override string Describe() => "a list";
}

internal readonly record struct YamlEntry(YamlScalar Key, YamlNode Value);

/// <summary>A mapping with text keys, each once; merge keys are merged already.</summary>
internal sealed class YamlMapping(int offset, IReadOnlyList<YamlEntry> entries) : YamlNode(offset)
{
    private readonly Dictionary<string, YamlEntry> _byKey = entries.ToDictionary(e => e.Key.Text, StringComparer.Ordinal);

    public IReadOnlyList<YamlEntry> Entries { get; } = entries;

    public override int Height { get; } = 1 + entries.Select(e => e.Value.Height).DefaultIfEmpty(0).Max();

    public override long Weight { get; } = 2 + entries.Sum(e => e.Key.Weight + e.Value.Weight);

    public YamlEntry? FindEntry(string key) => _byKey.TryGetValue(key, out YamlEntry entry) ? entry : null;

    public override string Describe() => "a mapping";
}
