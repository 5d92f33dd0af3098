namespace AgentFlow.Engine.Definitions.Loading.Yaml;

/// <summary>Says where text stops being YAML. The parser's own positions are used where they are of use.</summary>
/// <param name="end">Offset up to which the text was understood.</param>
/// <param name="openFlows">Where the flow collections start that are still open, innermost first.</param>
internal readonly struct SyntaxProblem(string text, int end, IReadOnlyCollection<int> openFlows)
{
    /// <param name="reported">The parser's position; -1 when it has none.</param>
    /// <param name="message">The parser's words, positions included.</param>
    public void Report(Findings findings, int reported, string message)
    {
        if (TabIndentation() is { } tab)
        {
            findings.Error(tab, DiagnosticCodes.TabIndentation, "A tab indents this line; YAML takes only spaces.", "Replace the tab with spaces.");
            return;
        }

        if (openFlows.Count > 0 && (reported < 0 || reported >= text.Length || message.Contains("flow", StringComparison.Ordinal)))
        {
            int open = openFlows.First();
            char bracket = open < text.Length && text[open] == '{' ? '{' : '[';
            findings.Error(open, DiagnosticCodes.YamlSyntax, $"This '{bracket}' is not closed, or what it holds is not separated by ','.", $"Add the missing ',' or '{(bracket == '[' ? ']' : '}')}'.");
            return;
        }

        int at = Math.Min(Math.Max(reported, end), text.Length);
        while (at < text.Length && text[at] is ' ' or '\n')
        {
            at++;
        }

        findings.Error(at, DiagnosticCodes.YamlSyntax, $"This is not YAML: {Reason(message)}.", "Check the indentation and the brackets, and quote text that holds ': ' or ' #' or starts with a character such as [ ] { } & * ! | > ' \" % @ `.");
    }

    private static string Reason(string message)
    {
        string reason = Excerpt.Line(message.Split('\n')[0]).Trim().TrimEnd('.');
        return reason.Length > 0 ? char.ToLowerInvariant(reason[0]) + reason[1..] : "nothing fits here";
    }

    /// <summary>A tab among the blanks that start the line where understanding ended, or one of the two after it.</summary>
    private int? TabIndentation()
    {
        int line = end == 0 ? 0 : text.LastIndexOf('\n', end - 1) + 1;
        for (int i = 0; i < 3 && line < text.Length; i++)
        {
            int at = line;
            while (at < text.Length && text[at] == ' ')
            {
                at++;
            }

            if (at < text.Length && text[at] == '\t')
            {
                return at;
            }

            int next = text.IndexOf('\n', line);
            line = next < 0 ? text.Length : next + 1;
        }

        return null;
    }
}
