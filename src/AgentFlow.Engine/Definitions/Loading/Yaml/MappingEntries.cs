namespace AgentFlow.Engine.Definitions.Loading.Yaml;

/// <summary>The entries of a mapping that is being read: keys are text and unique, merge keys (<c>&lt;&lt;</c>) fill in what is missing.</summary>
internal sealed class MappingEntries(Findings findings)
{
    private const string MergeKey = "<<";

    private readonly List<YamlEntry> _entries = [];
    private readonly Dictionary<string, int> _seen = new(StringComparer.Ordinal);
    private YamlEntry? _merge;

    /// <param name="offset">Where the key stands, also when it is an alias.</param>
    public void Add(int offset, YamlNode key, YamlNode value, bool isAlias)
    {
        if (key is not YamlScalar name)
        {
            findings.Error(offset, DiagnosticCodes.InvalidKey, $"A key must be text, not {key.Describe()}.", "Write a name before the ':'.");
            return;
        }

        YamlScalar here = isAlias ? name.At(offset) : name;
        if (!_seen.TryAdd(here.Text, offset))
        {
            findings.Error(offset, DiagnosticCodes.DuplicateKey, $"'{Excerpt.Of(here.Text)}' stands here twice; it is first given on line {findings.LineOf(_seen[here.Text])}.", "Remove one of them.");
            return;
        }

        // Where a value is missing, the key is what can be pointed at.
        YamlNode placed = value is YamlScalar { Text: "", Style: YamlStyle.Plain } ? new YamlScalar(offset, offset, "", YamlStyle.Unknown, isPlain: true) : value;
        var entry = new YamlEntry(here, placed);
        if (here is { Text: MergeKey, IsPlain: true })
        {
            _merge = entry;
        }
        else
        {
            _entries.Add(entry);
        }
    }

    /// <summary>The entries with those of the merge key behind them; what stands here wins, then what is merged first.</summary>
    public IReadOnlyList<YamlEntry> Merged()
    {
        if (_merge is not { } merge)
        {
            return _entries;
        }

        IReadOnlyList<YamlNode> sources = merge.Value is YamlSequence list ? list.Items : [merge.Value];
        foreach (YamlNode source in sources)
        {
            if (source is YamlMapping mapping)
            {
                _entries.AddRange(mapping.Entries.Where(e => _seen.TryAdd(e.Key.Text, e.Key.Offset)));
            }
            else
            {
                findings.Error(merge.Key.Offset, DiagnosticCodes.InvalidMerge, $"'<<' merges mappings, not {source.Describe()}.", "Name a mapping: '<<: *defaults', or a list of mappings; quote the key if it is no merge.");
            }
        }

        return _entries;
    }
}
