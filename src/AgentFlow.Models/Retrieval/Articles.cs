using System.Text;
using System.Text.Json;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Models.Agents;

namespace AgentFlow.Models.Retrieval;

/// <summary>
/// Reads passages from a workflow's files: Markdown (one article a file, its title the first heading, one passage a section) and
/// JSONL (one passage a line: <c>{"id", "title", "text"}</c>, the id being optional).
/// </summary>
internal static class Articles
{
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    public static List<Passage> Read(string setting, string path, WorkflowAssets assets, List<AgentProblem> problems)
    {
        var passages = new List<Passage>();
        var files = assets.Under(path).Where(f => IsMarkdown(f.Key) || IsJsonLines(f.Key)).ToList();
        if (files.Count == 0)
        {
            problems.Add(AssetProblems.Missing(setting, path, assets, "a Markdown or JSONL file, or a folder of them"));
            return passages;
        }

        foreach (var (file, content) in files)
        {
            string text;
            try
            {
                text = StrictUtf8.GetString(content.Span).TrimStart('\uFEFF').ReplaceLineEndings("\n");
            }
            catch (DecoderFallbackException)
            {
                problems.Add(new AgentProblem(setting, $"'{file}' is not UTF-8 text.", "Save the file as UTF-8."));
                continue;
            }

            if (IsMarkdown(file))
                ReadMarkdown(setting, file, text, passages, problems);
            else
                ReadJsonLines(setting, file, text, passages, problems);
        }

        foreach (var twice in passages.GroupBy(p => p.Id, StringComparer.Ordinal).Where(g => g.Count() > 1))
            problems.Add(new AgentProblem(setting, $"The passage id '{twice.Key}' occurs {twice.Count()} times.", "Give every article its own file name or id."));
        return passages;
    }

    private static bool IsMarkdown(string file) => file.EndsWith(".md", StringComparison.OrdinalIgnoreCase);

    private static bool IsJsonLines(string file) => file.EndsWith(".jsonl", StringComparison.OrdinalIgnoreCase);

    private static void ReadMarkdown(string setting, string file, string text, List<Passage> passages, List<AgentProblem> problems)
    {
        string id = Path.GetFileNameWithoutExtension(file);
        string? title = null, heading = null;
        var section = new StringBuilder();
        int number = 0;
        foreach (string line in text.Split('\n').Append("## "))
        {
            bool isHeading = line.StartsWith('#') && line.TrimStart('#').StartsWith(' ');
            if (!isHeading)
            {
                section.Append(line).Append('\n');
                continue;
            }

            string body = section.ToString().Trim();
            section.Clear();
            if (body.Length > 0 && title is not null)
                passages.Add(new Passage(number++ == 0 ? id : $"{id}#{number}", heading is null ? title : $"{title}: {heading}", body));
            string words = line.TrimStart('#').Trim();
            if (title is null)
                title = words;
            else
                heading = words;
        }

        if (string.IsNullOrEmpty(title))
            problems.Add(new AgentProblem(setting, $"'{file}' has no title.", "Begin the article with a heading: '# Title'."));
        else if (number == 0)
            problems.Add(new AgentProblem(setting, $"'{file}' has a title but no text.", "Write the article below its title, or remove the file."));
    }

    private static void ReadJsonLines(string setting, string file, string text, List<Passage> passages, List<AgentProblem> problems)
    {
        string name = Path.GetFileNameWithoutExtension(file);
        int number = 0;
        foreach (string line in text.Split('\n'))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line))
                continue;
            try
            {
                using var document = JsonDocument.Parse(line);
                JsonElement root = document.RootElement;
                if (Field(root, "title") is { } title && Field(root, "text") is { } body)
                {
                    passages.Add(new Passage(Field(root, "id") ?? $"{name}#{number}", title, body));
                    continue;
                }
            }
            catch (JsonException)
            {
            }

            problems.Add(new AgentProblem(
                setting, $"'{file}', line {number}, is not an article.", "Write one JSON object a line: {\"id\": …, \"title\": …, \"text\": …}."));
        }
    }

    private static string? Field(JsonElement root, string name) =>
        root.ValueKind == JsonValueKind.Object && root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
}
