using AgentFlow.Engine.Definitions.Loading.Yaml;

namespace AgentFlow.Engine.Definitions.Loading.Keys;

/// <summary>
/// One mapping of the file, read by key. Unknown keys are reported once, here; a word that clearly stands for a missing
/// key is then read as that key, so that one mistake is one diagnostic.
/// </summary>
internal sealed partial class Fields
{
    private readonly Findings _findings;
    private readonly Dictionary<string, YamlEntry> _entries = new(StringComparer.Ordinal);
    private readonly HashSet<string> _standIns = new(StringComparer.Ordinal);

    /// <param name="place">Offset that stands for the mapping: its key, where it has one.</param>
    private Fields(int place, Findings findings)
    {
        Place = place;
        _findings = findings;
    }

    public int Place { get; }

    /// <param name="mapping">What is read.</param>
    /// <param name="place">Offset to report missing keys at.</param>
    public static Fields Of(YamlMapping mapping, int place, KeySet keys, Findings findings)
    {
        var fields = new Fields(place, findings);
        var unknown = new List<YamlEntry>();
        foreach (YamlEntry entry in mapping.Entries)
        {
            if (keys.Has(entry.Key.Text))
            {
                fields._entries.Add(entry.Key.Text, entry);
            }
            else
            {
                unknown.Add(entry);
            }
        }

        // Looking up what a word may have meant costs more than reading it.
        foreach (YamlEntry entry in unknown.TakeWhile(_ => !findings.IsFull))
        {
            fields.ReportUnknown(entry, keys);
        }

        return fields;
    }

    /// <summary>The fields of a mapping that may have any key.</summary>
    public static Fields OfAny(YamlMapping mapping, int place, Findings findings)
    {
        var fields = new Fields(place, findings);
        foreach (YamlEntry entry in mapping.Entries)
        {
            fields._entries.Add(entry.Key.Text, entry);
        }

        return fields;
    }

    public bool Has(string key) => _entries.ContainsKey(key);

    public YamlNode? this[string key] => _entries.TryGetValue(key, out YamlEntry entry) ? entry.Value : null;

    public YamlEntry? Entry(string key) => _entries.TryGetValue(key, out YamlEntry entry) ? entry : null;

    /// <summary>Reports a required key that is not there; a word that probably stands for it has been reported already.</summary>
    public void Require(string key, string what, string remedy)
    {
        if (!Has(key) && !_standIns.Contains(key))
        {
            _findings.Error(Place, DiagnosticCodes.MissingKey, $"{what} has no '{key}'.", remedy);
        }
    }

    /// <summary>Reports a key that is known but means nothing here; a word that stands for it has been reported already.</summary>
    public void Refuse(string key, string why, string remedy)
    {
        if (Entry(key) is { } entry && entry.Key.Text == key)
        {
            _findings.Error(entry.Key, DiagnosticCodes.NotApplicable, $"'{key}' has no meaning {why}.", remedy);
        }
    }

    private void ReportUnknown(YamlEntry entry, KeySet keys)
    {
        string word = entry.Key.Text;
        if (keys == KeySet.Workflow && KeySet.Reserved.Contains(word, StringComparer.Ordinal))
        {
            _findings.Error(entry.Key, DiagnosticCodes.NotSupported, $"'{word}' is not supported by this version.", "Remove it.");
            return;
        }

        string remedy;
        if (ForeignWords.Advice(keys, word) is { } advice)
        {
            remedy = advice;
        }
        else if (ForeignWords.Meaning(keys, word, entry.Value is YamlMapping) is var (meant, sameShape))
        {
            remedy = sameShape ? $"It is called '{meant}' here." : $"See '{meant}', which has another form.";
            StandIn(meant, entry, sameShape);
        }
        else if (KeySet.All.FirstOrDefault(other => other.Has(word)) is { } owner && !IsNear(word, keys))
        {
            remedy = $"It belongs to {owner.What}.";
        }
        else if (_findings.Nearest(word, keys.Keys) is { } nearest)
        {
            remedy = $"Did you mean '{nearest}'?";
            StandIn(nearest, entry, sameShape: true);
        }
        else
        {
            remedy = $"Known here: {string.Join(", ", keys.Keys)}.";
        }

        _findings.Error(entry.Key, DiagnosticCodes.UnknownKey, $"'{Excerpt.Of(word)}' is not a key of {keys.What}.", remedy);
    }

    private static bool IsNear(string word, KeySet keys) => keys.Keys.Any(k => k.Replace("_", "", StringComparison.Ordinal) == word.Replace("_", "", StringComparison.Ordinal));

    private void StandIn(string key, YamlEntry entry, bool sameShape)
    {
        _standIns.Add(key);
        if (sameShape)
        {
            _entries.TryAdd(key, entry);
        }
    }
}
