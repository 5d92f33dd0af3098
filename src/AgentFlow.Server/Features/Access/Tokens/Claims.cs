using System.Text.Json;

namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary>Reads single claims; a value of another type is one that is not there.</summary>
internal static class Claims
{
    private const int MaxText = 512;
    private const int MaxTexts = 100;

    // The last second of year 9999.
    private const long LastSecond = 253_402_300_799;

    /// <summary>A text that is not empty and has at most 512 characters.</summary>
    public static string? Text(JsonElement claims, string name) =>
        claims.TryGetProperty(name, out JsonElement value) ? Text(value) : null;

    /// <summary>A text, or a list of at most 100 of them.</summary>
    public static IReadOnlyList<string>? Texts(JsonElement claims, string name) =>
        claims.TryGetProperty(name, out JsonElement value) ? Texts(value) : null;

    /// <summary>Whole seconds since 1970 (RFC 7519, 2; fractions, which it allows, nobody sends).</summary>
    public static DateTimeOffset? Time(JsonElement claims, string name) =>
        claims.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long seconds) && seconds is >= 0 and <= LastSecond
            ? DateTimeOffset.FromUnixTimeSeconds(seconds)
            : null;

    /// <param name="path">The claim's name, or a JSON pointer (RFC 6901) such as <c>/realm_access/roles</c>.</param>
    public static JsonElement? At(JsonElement claims, string path)
    {
        if (claims.TryGetProperty(path, out JsonElement direct))
        {
            return direct;
        }

        if (!path.StartsWith('/'))
        {
            return null;
        }

        JsonElement at = claims;
        foreach (string part in path[1..].Split('/'))
        {
            if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(part.Replace("~1", "/").Replace("~0", "~"), out at))
            {
                return null;
            }
        }

        return at;
    }

    public static string? Text(JsonElement value) => value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 and <= MaxText } text ? text : null;

    public static IReadOnlyList<string>? Texts(JsonElement value)
    {
        if (Text(value) is { } single)
        {
            return [single];
        }

        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > MaxTexts)
        {
            return null;
        }

        var texts = new List<string>(value.GetArrayLength());
        foreach (JsonElement item in value.EnumerateArray())
        {
            if (Text(item) is not { } text)
            {
                return null;
            }

            texts.Add(text);
        }

        return texts;
    }
}
