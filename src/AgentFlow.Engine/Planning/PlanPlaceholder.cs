using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentFlow.Engine.Planning;

/// <summary>
/// The <c>{{s1.body}}</c> of a plan's parameters: a step of the plan or <c>input</c>, then members and indexes. Nothing can be computed
/// in it, so that a model has no expression language at hand.
/// </summary>
/// <param name="Root">A step's id, or <c>input</c>.</param>
/// <param name="Path">Members (<see cref="string"/>) and indexes (<see cref="int"/>).</param>
internal sealed record PlanPlaceholder(string Root, IReadOnlyList<object> Path)
{
    public const string Input = "input";

    private const string Open = "{{";
    private const string Close = "}}";

    private static readonly JsonDocumentOptions Deep = new() { MaxDepth = 256 };
    private static readonly JsonSerializerOptions Written = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = 256 };

    /// <summary>All texts of a value, each with the JSON pointer that leads to it.</summary>
    public static IEnumerable<(string Pointer, string Text)> Texts(JsonElement value, string pointer = "") => value.ValueKind switch
    {
        JsonValueKind.String => [(pointer, value.GetString()!)],
        JsonValueKind.Object => value.EnumerateObject().SelectMany(p => Texts(p.Value, $"{pointer}/{p.Name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal)}")),
        JsonValueKind.Array => value.EnumerateArray().SelectMany((item, i) => Texts(item, $"{pointer}/{i}")),
        _ => [],
    };

    /// <summary>The placeholders of a text.</summary>
    /// <param name="broken">The first that is none, or <see langword="null"/>.</param>
    public static List<PlanPlaceholder> Find(string text, out string? broken)
    {
        var found = new List<PlanPlaceholder>();
        broken = null;
        foreach ((string part, bool isPlaceholder) in Split(text))
        {
            if (!isPlaceholder)
            {
                continue;
            }

            if (TryParse(part, out PlanPlaceholder? placeholder))
            {
                found.Add(placeholder);
            }
            else
            {
                broken ??= part;
            }
        }

        return found;
    }

    /// <summary>
    /// The value with every placeholder as the expression of a workflow file, and whatever looks like one as the literal that it is.
    /// </summary>
    /// <param name="skillOf">The skill behind a step of the plan, as far as it is known.</param>
    public static JsonElement ToTemplate(JsonElement value, Func<string, PlanSkill?> skillOf)
    {
        JsonNode? node = Map(JsonNode.Parse(value.GetRawText(), documentOptions: Deep), text => ToTemplate(text, skillOf));
        return JsonElement.Parse(node?.ToJsonString(Written) ?? "null", Deep);
    }

    /// <summary>The value as the literal that it is.</summary>
    public static JsonElement Escape(JsonElement value) => JsonElement.Parse(Map(JsonNode.Parse(value.GetRawText(), documentOptions: Deep), Escape)?.ToJsonString(Written) ?? "null", Deep);

    // Not '$${': a dollar before it would be taken for a part of it, and it is undone only where the same value holds an expression, too.
    private static string Escape(string text) => text.Replace("$", "${'$'}", StringComparison.Ordinal);

    private static JsonNode? Map(JsonNode? node, Func<string, string> text)
    {
        switch (node)
        {
            case JsonObject members:
                var copy = new JsonObject();
                foreach ((string name, JsonNode? member) in members)
                {
                    copy.Add(name, Map(member, text));
                }

                return copy;
            case JsonArray items:
                return new JsonArray([.. items.Select(i => Map(i, text))]);
            case JsonValue value when value.GetValueKind() == JsonValueKind.String:
                return JsonValue.Create(text(value.GetValue<string>()));
            default:
                return node?.DeepClone();
        }
    }

    private static string ToTemplate(string text, Func<string, PlanSkill?> skillOf)
    {
        var template = new StringBuilder();
        foreach ((string part, bool isPlaceholder) in Split(text))
        {
            if (isPlaceholder && TryParse(part, out PlanPlaceholder? placeholder))
            {
                template.Append("${").Append(placeholder.ToExpression(skillOf(placeholder.Root))).Append('}');
            }
            else
            {
                template.Append(Escape(part));
            }
        }

        return template.ToString();
    }

    private string ToExpression(PlanSkill? skill)
    {
        var expression = new StringBuilder(Root == Input ? Input : $"steps.{Root}.output");
        // Where an output has no member of that name, 'output' is the whole.
        bool isWhole = Root != Input && Path is ["output", ..] && skill is not null && !skill.Gives("output");
        foreach (object part in Path.Skip(isWhole ? 1 : 0))
        {
            expression.Append(part is int index ? $"[{index}]" : $"[\"{part}\"]");
        }

        return expression.ToString();
    }

    /// <summary>The text in pieces: what is literal, and what stands between braces.</summary>
    private static IEnumerable<(string Part, bool IsPlaceholder)> Split(string text)
    {
        int at = 0;
        while (at < text.Length)
        {
            int open = text.IndexOf(Open, at, StringComparison.Ordinal);
            int close = open < 0 ? -1 : text.IndexOf(Close, open + Open.Length, StringComparison.Ordinal);
            if (close < 0)
            {
                yield return (text[at..], false);
                yield break;
            }

            if (open > at)
            {
                yield return (text[at..open], false);
            }

            yield return (text[(open + Open.Length)..close], true);
            at = close + Close.Length;
        }
    }

    private static bool TryParse(string text, [NotNullWhen(true)] out PlanPlaceholder? placeholder)
    {
        placeholder = null;
        text = text.Trim();
        int at = 0;
        string? root = Name(text, ref at);
        var path = new List<object>();
        while (root is not null && at < text.Length)
        {
            object? part = null;
            if (text[at] == '.')
            {
                at++;
                part = Name(text, ref at);
            }
            else if (text[at] == '[')
            {
                int end = text.IndexOf(']', at);
                part = end > at + 1 && end - at <= 7 && text.AsSpan(at + 1, end - at - 1).IndexOfAnyExceptInRange('0', '9') < 0
                    ? int.Parse(text.AsSpan(at + 1, end - at - 1), System.Globalization.CultureInfo.InvariantCulture)
                    : null;
                at = end + 1;
            }

            if (part is null)
            {
                return false;
            }

            path.Add(part);
        }

        placeholder = root is null ? null : new PlanPlaceholder(root, path);
        return placeholder is not null;
    }

    private static string? Name(string text, ref int at)
    {
        int start = at;
        while (at < text.Length && (char.IsAsciiLetter(text[at]) || text[at] is '_' || (at > start && (char.IsAsciiDigit(text[at]) || text[at] == '-'))))
        {
            at++;
        }

        return at > start ? text[start..at] : null;
    }
}
