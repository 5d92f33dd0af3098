using AgentFlow.Engine.Definitions.Loading.Yaml;

namespace AgentFlow.Engine.Definitions.Loading;

/// <summary>Collects what is wrong with one file, by offset into its <see cref="YamlText"/>.</summary>
/// <param name="changes">Offsets from which on the text is not the file's but that of a change.</param>
internal sealed class Findings(string file, YamlText text, IReadOnlyList<int> changes)
{
    private readonly List<Finding> _found = [];
    private readonly HashSet<Finding> _seen = [];
    private readonly Suggestions _suggestions = new();
    private List<int>? _lineEnds;
    private bool _cut;

    public Findings(string file, YamlText text)
        : this(file, text, [])
    {
    }

    public bool HasErrors => ErrorCount > 0;

    /// <summary>Errors reported so far, also those that are not listed.</summary>
    public int ErrorCount { get; private set; }

    /// <summary>True when there are more errors than are listed: looking for further ones helps nobody.</summary>
    public bool IsFull => ErrorCount > LoadLimits.Diagnostics;

    public void Error(int offset, string code, string message, string remedy) => Add(new Finding(offset, code, message, remedy, IsError: true));

    public void Error(YamlNode node, string code, string message, string remedy) => Error(node.Offset, code, message, remedy);

    public void Warning(int offset, string code, string message, string remedy) => Add(new Finding(offset, code, message, remedy, IsError: false));

    public void Warning(YamlNode node, string code, string message, string remedy) => Warning(node.Offset, code, message, remedy);

    /// <summary>The start of a remedy: <c>Did you mean 'x'? </c>, or nothing when no known word is near.</summary>
    public string Suggest(string word, IEnumerable<string> known) =>
        Nearest(word, known) is { } nearest ? $"Did you mean '{Excerpt.Of(nearest)}'? " : "";

    /// <summary>The known word that was probably meant.</summary>
    public string? Nearest(string word, IEnumerable<string> known) => _suggestions.Nearest(word, known);

    /// <summary>Line of an offset in its file or change, from 1.</summary>
    public int LineOf(int offset)
    {
        int change = LastAtOrBefore(offset);
        return 1 + LinesBefore(offset) - (change < 0 ? 0 : LinesBefore(change));
    }

    /// <summary>All findings in order of position.</summary>
    public IReadOnlyList<Diagnostic> ToDiagnostics()
    {
        Finding[] ordered = [.. _found.OrderBy(f => f.Offset).ThenBy(f => f.Code, StringComparer.Ordinal)];
        List<Diagnostic> diagnostics = [.. text.Locate(ordered.Select(f => f.Offset)).Zip(ordered, (at, f) =>
        {
            int change = LastAtOrBefore(f.Offset);
            return new Diagnostic(change < 0 ? file : PlanChange.File, at.Line - (change < 0 ? 0 : LinesBefore(change)), at.Column, f.Code, f.Message, f.Remedy, f.IsError);
        })];
        if (_cut)
        {
            Diagnostic last = diagnostics[^1];
            diagnostics.Add(new Diagnostic(file, last.Line, last.Column, DiagnosticCodes.TooManyProblems, $"There are more than {LoadLimits.Diagnostics} problems; the rest is not listed.", "Fix these first."));
        }

        return diagnostics;
    }

    private int LinesBefore(int offset)
    {
        _lineEnds ??= [.. Enumerable.Range(0, text.Text.Length).Where(i => text.Text[i] == '\n')];
        int index = _lineEnds.BinarySearch(offset);
        return index < 0 ? ~index : index;
    }

    /// <summary>Where the change begins that an offset lies in; -1 in the file itself.</summary>
    private int LastAtOrBefore(int offset) => changes.LastOrDefault(c => c <= offset, -1);

    private void Add(Finding finding)
    {
        ErrorCount += finding.IsError ? 1 : 0;
        if (_found.Count >= LoadLimits.Diagnostics)
        {
            _cut = _cut || !_seen.Contains(finding);
        }
        else if (_seen.Add(finding))
        {
            // A node that several aliases name is looked at several times and is wrong once.
            _found.Add(finding);
        }
    }

    private readonly record struct Finding(int Offset, string Code, string Message, string Remedy, bool IsError);
}
