using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentFlow.Cli.Inputs;

/// <summary>
/// Makes workflow inputs out of rows. When the workflow requires exactly one text, a column with another usual name for
/// a message stands for it; cells become numbers where the schema wants numbers; everything else passes through.
/// </summary>
internal sealed class InputFitting(InputShape shape, IReadOnlyDictionary<string, string> constants)
{
    private const int ListedProblems = 20;

    /// <summary>Names under which messages are exported by mail programs, ticket systems and spreadsheets, best first.</summary>
    private static readonly string[] MessageNames =
        ["message", "text", "msg", "body", "content", "question", "query", "prompt", "comment", "description", "subject"];

    /// <summary>All inputs, in the order of the rows.</summary>
    /// <exception cref="CliException">Some row does not fit; every such row is named.</exception>
    public IReadOnlyList<FittedRow> Fit(InputRows file)
    {
        if (file.Rows.Count == 0)
        {
            throw CliException.Failed($"{file.Name} has no rows.");
        }

        var fitted = new List<FittedRow>(file.Rows.Count);
        var problems = new List<string>();
        foreach (InputRow row in file.Rows)
        {
            try
            {
                fitted.Add(Fit(file, row));
            }
            catch (InputException e)
            {
                problems.Add($"{file.Name}:{row.Line}: row {row.Number}: {e.Message}");
            }
        }

        if (problems.Count > 0)
        {
            string rest = problems.Count > ListedProblems ? $"{Environment.NewLine}… and {problems.Count - ListedProblems} more rows" : "";
            throw CliException.Failed(string.Join(Environment.NewLine, problems.Take(ListedProblems)) + rest);
        }

        return fitted;
    }

    private FittedRow Fit(InputRows file, InputRow row)
    {
        var input = new JsonObject();
        string? text = TextColumn(row.Value);
        foreach ((string name, JsonNode? value) in row.Value)
        {
            string target = name == text ? shape.Text! : name;
            if (shape.IsClosed && !shape.Declares(target))
            {
                continue;
            }

            if (!file.IsText || !shape.IsTyped(target))
            {
                input[target] = value?.DeepClone();
            }
            else if (value!.GetValue<string>() is { Length: > 0 } cell)
            {
                input[target] = Typed(target, cell, $"column '{name}'");
            }
        }

        foreach ((string name, string value) in constants)
        {
            input[name] = Constant(name, value);
        }

        string[] missing = [.. shape.Required.Where(name => !input.ContainsKey(name))];
        if (missing.Length > 0)
        {
            throw new InputException(Missing(missing[0], row.Value));
        }

        return new FittedRow(row.Number, input, shape.Text is { } shown && input[shown] is JsonValue message && message.TryGetValue(out string? excerpt) ? excerpt : null);
    }

    /// <summary>The column that stands for the required text; <see langword="null"/> when the row has that text under its own name.</summary>
    private string? TextColumn(JsonObject row)
    {
        if (shape.Text is not { } wanted || row.ContainsKey(wanted) || constants.ContainsKey(wanted))
        {
            return null;
        }

        string[] free = [.. row.Where(cell => !shape.Declares(cell.Key) && cell.Value is JsonValue value && value.GetValueKind() == JsonValueKind.String).Select(cell => cell.Key)];
        return free.FirstOrDefault(name => name.Equals(wanted, StringComparison.OrdinalIgnoreCase))
            ?? MessageNames.Select(usual => free.FirstOrDefault(name => name.Equals(usual, StringComparison.OrdinalIgnoreCase))).FirstOrDefault(name => name is not null)
            ?? (row.Count == 1 ? free.FirstOrDefault() : null);
    }

    private JsonNode? Constant(string name, string value)
    {
        if (shape.Declares(name))
        {
            return shape.IsTyped(name) ? Typed(name, value, $"-i {name}") : value;
        }

        try
        {
            return JsonNode.Parse(value);
        }
        catch (JsonException)
        {
            return value;
        }
    }

    private JsonNode? Typed(string name, string text, string place)
    {
        try
        {
            JsonNode? value = JsonNode.Parse(text.Trim());
            bool fits = value switch
            {
                null => shape.Takes(name, "null"),
                JsonArray => shape.Takes(name, "array"),
                JsonObject => shape.Takes(name, "object"),
                _ => value.GetValueKind() switch
                {
                    JsonValueKind.Number => shape.Takes(name, "number") || shape.Takes(name, "integer"),
                    JsonValueKind.True or JsonValueKind.False => shape.Takes(name, "boolean"),
                    _ => false,
                },
            };
            if (fits)
            {
                return value;
            }
        }
        catch (JsonException)
        {
            // Said below.
        }

        throw new InputException($"{place} is '{Terminals.Excerpt.Of(text, 40)}', the workflow wants {shape.Types(name)}.");
    }

    private string Missing(string name, JsonObject row)
    {
        string has = row.Count == 0 ? "it is empty" : $"it has {string.Join(", ", row.Select(cell => cell.Key))}";
        string other = name == shape.Text ? $" (or {string.Join(", ", MessageNames.Where(n => n != name).Take(2))})" : "";
        return $"no column '{name}'{other}, which the workflow requires; {has}. Rename the column that holds it, or give it to all rows with -i {name}=…";
    }
}

/// <param name="Number">From 1.</param>
/// <param name="Message">The text that the workflow is about, for showing; <see langword="null"/> when it is about no text.</param>
internal sealed record FittedRow(int Number, JsonObject Input, string? Message);
