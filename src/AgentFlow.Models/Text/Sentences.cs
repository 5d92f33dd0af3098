namespace AgentFlow.Models.Text;

/// <summary>
/// Cuts Markdown into sentences that can be quoted by themselves: headings are left out, a list item is a sentence, and a table row
/// becomes one by naming its columns.
/// </summary>
internal static class Sentences
{
    public static List<string> Of(string markdown)
    {
        var sentences = new List<string>();
        var paragraph = new List<string>();
        string[]? header = null;
        foreach (string raw in markdown.ReplaceLineEndings("\n").Split('\n'))
        {
            string line = raw.Trim();
            if (line.StartsWith('|'))
            {
                Flush(paragraph, sentences);
                string[] cells = Array.ConvertAll(line.Trim('|').Split('|'), c => Plain(c.Trim()));
                if (header is null)
                    header = cells;
                else if (!cells.All(c => c.Length > 0 && c.All(x => x is '-' or ':')))
                    sentences.Add(Row(header, cells));
                continue;
            }

            header = null;
            int item = ItemStart(line);
            if (line.Length == 0 || line.StartsWith('#') || item > 0)
                Flush(paragraph, sentences);
            if (line.Length > 0 && !line.StartsWith('#'))
                paragraph.Add(line[item..]);
        }

        Flush(paragraph, sentences);
        return sentences;
    }

    private static string Row(string[] header, string[] cells)
    {
        var parts = cells.Select((cell, i) => i < header.Length && header[i].Length > 0 ? $"{header[i]}: {cell}" : cell);
        return string.Join("; ", parts.Where(p => p.Length > 0)) + ".";
    }

    /// <summary>Where the text of a list item begins; 0 when the line is none.</summary>
    private static int ItemStart(string line)
    {
        if (line.StartsWith("- ", StringComparison.Ordinal) || line.StartsWith("* ", StringComparison.Ordinal))
            return 2;
        int digits = 0;
        while (digits < line.Length && char.IsAsciiDigit(line[digits]))
            digits++;
        return digits is > 0 and < 4 && line.AsSpan(digits).StartsWith(". ") ? digits + 2 : 0;
    }

    private static void Flush(List<string> paragraph, List<string> sentences)
    {
        string text = Plain(string.Join(' ', paragraph));
        paragraph.Clear();
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            bool ends = text[i] is '.' or '!' or '?' && i + 2 < text.Length && text[i + 1] == ' ' && !char.IsLower(text[i + 2]);
            if (!ends)
                continue;
            Add(text[start..(i + 1)]);
            start = i + 2;
        }

        Add(text[start..]);

        void Add(string sentence)
        {
            if (sentence.Any(char.IsLetterOrDigit))
                sentences.Add(sentence.Trim());
        }
    }

    private static string Plain(string text) => text.Replace("**", "").Replace("`", "");
}
