using System.Text;
using System.Text.RegularExpressions;
using AgentFlow.Engine.Definitions;

namespace AgentFlow.Engine.Tests.Definitions.Loading;

/// <summary>YAML with the expected diagnostics written into it: <c>«code»</c> stands right before the place.</summary>
internal static partial class Marked
{
    /// <summary>The text without its marks, and the place of each, as line, column and code.</summary>
    public static (string Yaml, IReadOnlyList<string> Expected) Parse(string marked)
    {
        var yaml = new StringBuilder();
        var expected = new List<string>();
        int at = 0;
        foreach (Match mark in Mark.Matches(marked))
        {
            yaml.Append(marked, at, mark.Index - at);
            at = mark.Index + mark.Length;
            string before = yaml.ToString();
            int lineStart = before.LastIndexOf('\n') + 1;
            expected.Add($"{before.Count(c => c == '\n') + 1}:{before[lineStart..].EnumerateRunes().Count() + 1} {mark.Groups[1].Value}");
        }

        yaml.Append(marked, at, marked.Length - at);
        return (yaml.ToString(), expected);
    }

    public static string Place(Diagnostic diagnostic) => $"{diagnostic.Line}:{diagnostic.Column} {diagnostic.Code}";

    /// <summary>Loads and compares what is reported with what is marked, exactly.</summary>
    public static IReadOnlyList<Diagnostic> AssertDiagnostics(string marked, params (string Path, string Content)[] assets)
    {
        (string yaml, IReadOnlyList<string> expected) = Parse(marked);
        var result = Loading.Load(yaml, assets);
        Assert.True(
            expected.Order().SequenceEqual(result.Diagnostics.Select(Place).Order()),
            $"Expected:\n{string.Join('\n', expected)}\nFound:\n{string.Join('\n', result.Diagnostics)}\nIn:\n{yaml}");
        Assert.Equal(result.Diagnostics.Any(d => d.IsError), result.Definition is null);
        Assert.All(result.Diagnostics, d => Assert.True(d.Message.EndsWith('.') && d.Remedy.Length > 0, d.ToString()));
        return result.Diagnostics;
    }

    [GeneratedRegex("«([a-z-]+)»")]
    private static partial Regex Mark { get; }
}
