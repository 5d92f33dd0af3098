using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Text;
using AgentFlow.Server.Http;
using Microsoft.AspNetCore.Http.Features;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>What a remote agent sent: a JSON object, member by member. Members that nobody asked for are let be: agents send more than they must.</summary>
internal sealed class AgentBody : IDisposable
{
    /// <summary>Most bytes of a body. All of it is in the token too, and headers have a limit of their own.</summary>
    public const int MaxBytes = 64 * 1024;

    private readonly JsonDocument _document;

    private AgentBody(JsonDocument document) => _document = document;

    public JsonElement Json => _document.RootElement;

    /// <exception cref="ProblemException">It is too large, no JSON or no object.</exception>
    public static async ValueTask<AgentBody> ReadAsync(HttpContext context)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = MaxBytes;
        }

        if (context.Request.ContentLength > MaxBytes)
        {
            throw new ProblemException(ErrorCode.PayloadTooLarge, $"The body has more than {MaxBytes / 1024} KiB.");
        }

        string type = RequestBody.MediaType(context);
        if (!RequestBody.IsJson(type))
        {
            throw RequestBody.Unsupported(type, RequestBody.Json);
        }

        return Parse(await RequestBody.ReadAsync(context).ConfigureAwait(false));
    }

    /// <inheritdoc cref="ReadAsync"/>
    public static AgentBody Parse(ReadOnlyMemory<byte> utf8)
    {
        JsonDocument document;
        try
        {
            document = BridgeJson.Parse(utf8);
        }
        catch (JsonException e)
        {
            throw new ProblemException(ErrorCode.InvalidPayload, $"The body is not JSON that can be used: {e.Message}");
        }

        if (document.RootElement.ValueKind != JsonValueKind.Object)
        {
            document.Dispose();
            throw new ProblemException(ErrorCode.InvalidPayload, "The body must be a JSON object.");
        }

        return new AgentBody(document);
    }

    public void Dispose() => _document.Dispose();

    /// <summary>A text; <see langword="null"/> when it is absent or null.</summary>
    /// <exception cref="ProblemException">It is something else, or too long.</exception>
    public string? Text(string name, int maxLength)
    {
        if (!Json.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        return value.ValueKind != JsonValueKind.String ? throw Wrong(name, "is no text")
            : value.GetString() is { } text && text.Length <= maxLength ? text
            : throw Wrong(name, $"has more than {maxLength} characters");
    }

    /// <summary>A text that must be there and not empty.</summary>
    /// <exception cref="ProblemException">It is not.</exception>
    public string Needed(string name, int maxLength) => Text(name, maxLength) is { Length: > 0 } text ? text : throw Missing(name);

    /// <summary>A list of texts, distinct and in ordinal order; <see langword="null"/> when it is absent or null.</summary>
    /// <exception cref="ProblemException">It is something else, or too long.</exception>
    public IReadOnlyList<string>? Texts(string name, int most, int maxLength)
    {
        if (!Json.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > most)
        {
            throw Wrong(name, value.ValueKind == JsonValueKind.Array ? $"has more than {most} items" : "is no list of texts");
        }

        var texts = new SortedSet<string>(StringComparer.Ordinal);
        foreach (JsonElement item in value.EnumerateArray())
        {
            string text = item.ValueKind == JsonValueKind.String ? item.GetString()! : throw Wrong(name, "is no list of texts");
            if (text.Length == 0 || text.Length > maxLength || text.AsSpan().ContainsAnyInRange('\0', '\x1f'))
            {
                throw Wrong(name, $"has an item that has not 1 to {maxLength} characters, or has a control character");
            }

            texts.Add(text);
        }

        return [.. texts];
    }

    /// <summary>Any value as it was sent, in memory of its own; empty when it is absent or null.</summary>
    public ReadOnlyMemory<byte> Value(string name) =>
        Json.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? System.Text.Encoding.UTF8.GetBytes(value.GetRawText()) : default;

    /// <summary>One of some words; <see langword="null"/> when it is absent or null.</summary>
    /// <exception cref="ProblemException">It is another one.</exception>
    public string? Word(string name, params IReadOnlyList<string> words) =>
        Text(name, 100) is not { } text ? null : words.Contains(text) ? text : throw Wrong(name, $"is none of {string.Join(", ", words)}{NearWord.Hint(text, words)}");

    public static ProblemException Missing(string name) => new(ErrorCode.InvalidPayload, $"Missing required field: {name}.");

    public static ProblemException Wrong(string name, string problem) => new(ErrorCode.InvalidPayload, $"'{name}' {problem}.");
}
