using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace AgentFlow.Cli.Templates;

/// <summary>Replaces single values in a YAML text and leaves every other character alone: comments, order, indentation.</summary>
internal static partial class YamlEdit
{
    /// <summary>Writes a value at a place.</summary>
    /// <param name="pointer">JSON Pointer (RFC 6901) to a scalar.</param>
    /// <param name="scalar">YAML on one line.</param>
    /// <returns><see langword="null"/> when there is no scalar on one line at that place.</returns>
    /// <exception cref="YamlException">The text is not YAML.</exception>
    public static string? Replace(string yaml, string pointer, string scalar)
    {
        if (Find(yaml, pointer) is not YamlScalarNode { Style: ScalarStyle.Plain or ScalarStyle.SingleQuoted or ScalarStyle.DoubleQuoted } node)
        {
            return null;
        }

        int start = (int)node.Start.Index;
        int end = (int)node.End.Index;
        return end > start ? string.Concat(yaml.AsSpan(0, start), scalar, yaml.AsSpan(end)) : null;
    }

    /// <summary>The text of the scalar at a place; <see langword="null"/> when there is none.</summary>
    /// <exception cref="YamlException">The text is not YAML.</exception>
    public static string? Read(string yaml, string pointer) => (Find(yaml, pointer) as YamlScalarNode)?.Value;

    /// <summary>A text as YAML: bare where that reads back as the same text, otherwise in double quotes.</summary>
    public static string Text(string value) =>
        Word.IsMatch(value) && !Reserved.Contains(value, StringComparer.OrdinalIgnoreCase)
            ? value
            : $"\"{JsonEncodedText.Encode(value, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";

    private static readonly string[] Reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];

    [GeneratedRegex(@"^[A-Za-z][A-Za-z0-9_./-]*\z")]
    private static partial Regex Word { get; }

    private static YamlNode? Find(string yaml, string pointer)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(yaml));
        YamlNode? node = stream.Documents is [var document, ..] ? document.RootNode : null;
        foreach (string token in pointer.Split('/').Skip(1).Select(t => t.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)))
        {
            node = node switch
            {
                YamlMappingNode mapping => mapping.Children.TryGetValue(new YamlScalarNode(token), out YamlNode? value) ? value : null,
                YamlSequenceNode list when int.TryParse(token, NumberStyles.None, CultureInfo.InvariantCulture, out int index) && index < list.Children.Count => list.Children[index],
                _ => null,
            };
        }

        return node;
    }
}
