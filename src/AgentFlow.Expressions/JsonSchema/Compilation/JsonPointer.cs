using System.Globalization;
using System.Text.Json;
using AgentFlow.Expressions.JsonSchema.Values;

namespace AgentFlow.Expressions.JsonSchema.Compilation;

/// <summary>JSON pointers (RFC 6901) in their text form: empty for the whole document, else <c>/</c> before each token.</summary>
internal static class JsonPointer
{
    public static string Append(string pointer, string token) =>
        string.Concat(pointer, "/", token.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal));

    public static string Append(string pointer, int index) => string.Concat(pointer, "/", index.ToString(CultureInfo.InvariantCulture));

    public static IEnumerable<string> Tokens(string pointer) => pointer.Split('/').Skip(1)
        .Select(t => t.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal));

    /// <summary>One step into a document.</summary>
    public static bool TryStep(JsonElement element, string token, out JsonElement child)
    {
        if (element.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty member in element.EnumerateObject())
            {
                if (JsonText.Name(member) != token) continue;
                child = member.Value;
                return true;
            }
        }
        else if (element.ValueKind == JsonValueKind.Array
            && int.TryParse(token, NumberStyles.None, CultureInfo.InvariantCulture, out int index)
            && index < element.GetArrayLength()
            && (token == "0" || token[0] != '0'))
        {
            child = element[index];
            return true;
        }

        child = default;
        return false;
    }
}
