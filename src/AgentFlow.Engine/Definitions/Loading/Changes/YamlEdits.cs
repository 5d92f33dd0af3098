using AgentFlow.Engine.Definitions.Loading.Yaml;

namespace AgentFlow.Engine.Definitions.Loading.Changes;

/// <summary>Copies of YAML nodes in which something is another. Nodes are shared through aliases and never changed themselves.</summary>
internal static class YamlEdits
{
    public static YamlMapping With(this YamlMapping mapping, string key, YamlNode value) =>
        mapping.FindEntry(key) is { } entry
            ? new YamlMapping(mapping.Offset, [.. mapping.Entries.Select(e => e.Key.Text == key ? new YamlEntry(entry.Key, value) : e)])
            : new YamlMapping(mapping.Offset, [.. mapping.Entries, new YamlEntry(new YamlScalar(value.Offset, value.Offset, key, YamlStyle.Unknown, isPlain: false), value)]);

    public static YamlMapping Without(this YamlMapping mapping, string key) =>
        mapping.FindEntry(key) is null ? mapping : new YamlMapping(mapping.Offset, [.. mapping.Entries.Where(e => e.Key.Text != key)]);

    public static YamlSequence Append(this YamlSequence list, YamlNode item) => new(list.Offset, [.. list.Items, item]);

    /// <summary>The list with others in the place of a text, each text once.</summary>
    public static YamlSequence Replace(this YamlSequence list, string text, YamlSequence others)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        return new YamlSequence(list.Offset, [.. list.Items
            .SelectMany(i => i is YamlScalar scalar && scalar.Text == text ? others.Items : [i])
            .Where(i => i is not YamlScalar scalar || seen.Add(scalar.Text))]);
    }

    /// <summary>Another text in the place of this one.</summary>
    public static YamlScalar Named(this YamlScalar scalar, string text) => new(scalar.Offset, scalar.Offset, text, YamlStyle.Unknown, isPlain: false);
}
