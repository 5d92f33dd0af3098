using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Tools.BuiltIn.Http;

/// <summary>A call's input, checked. It owns its bytes: the input may be reused once this is read.</summary>
internal sealed record HttpCallRequest
{
    private const int MaxHeaders = 100;
    private const int MaxKeyLength = 255;

    private static readonly string[] Methods = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];

    private static readonly SearchValues<char> Token =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    // Framing and routing belong to the transport: a caller who sets them can smuggle a second request or reach another host.
    private static readonly HashSet<string> Reserved = new(StringComparer.OrdinalIgnoreCase)
    {
        "Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate",
        "TE", "Trailer", "Upgrade", "Expect", "HTTP2-Settings",
    };

    public required string Method { get; init; }

    public required Uri Url { get; init; }

    public required IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; }

    public required ReadOnlyMemory<byte>? Body { get; init; }

    /// <summary>The body's type when the headers name none.</summary>
    public required string BodyType { get; init; }

    public required TimeSpan Timeout { get; init; }

    /// <summary>Sent as <c>Idempotency-Key</c>; <see langword="null"/> sends none.</summary>
    public required string? IdempotencyKey { get; init; }

    public required RetryPlan Retry { get; init; }

    public static bool IsMutating(string method) => method is "POST" or "PUT" or "PATCH" or "DELETE";

    /// <summary>Reads a call's input; <paramref name="refusal"/> names every problem when the result is <see langword="null"/>.</summary>
    public static HttpCallRequest? Read(in ToolCall call, out StepOutcome? refusal)
    {
        using ToolInput input = ToolInput.Parse(call.Input);
        InputObject root = input.Root;
        root.Only("method", "url", "headers", "params", "body", "timeout_ms", "idempotency_key", "retry_config");
        string method = root.Any("method") is null ? "GET" : root.Word("method", Methods) ?? "GET";
        (ReadOnlyMemory<byte>? body, string type) = ReadBody(root, method);
        Uri? url = ReadUrl(root);
        var request = new HttpCallRequest
        {
            Method = method,
            Url = url!,
            Headers = ReadHeaders(root),
            Body = body,
            BodyType = type,
            Timeout = TimeSpan.FromMilliseconds(root.Integer("timeout_ms", 100, 300_000) ?? 30_000),
            IdempotencyKey = ReadKey(root, method, call.IdempotencyKey),
            Retry = RetryPlan.Read(root),
        };
        refusal = input.Refusal;
        return refusal is null ? request : null;
    }

    private static Uri? ReadUrl(InputObject root)
    {
        if (root.Text("url", required: true) is not { } text)
            return null;
        string query = ReadQuery(root);
        int fragment = text.IndexOf('#', StringComparison.Ordinal);
        text = fragment < 0 ? text : text[..fragment];
        if (query.Length > 0)
            text += (text.Contains('?', StringComparison.Ordinal) ? '&' : '?') + query;
        Uri? url = UrlRule.Read(text, out string? problem);
        if (url is null)
            root.Refuse("url", problem!);
        return url;
    }

    private static string ReadQuery(InputObject root)
    {
        InputObject parameters = root.Object("params");
        var query = new StringBuilder();
        foreach (JsonProperty parameter in parameters.Members())
        {
            JsonElement[] values = parameter.Value.ValueKind == JsonValueKind.Array ? [.. parameter.Value.EnumerateArray()] : [parameter.Value];
            foreach (JsonElement value in values)
            {
                switch (value.ValueKind)
                {
                    case JsonValueKind.Null:
                        break;
                    case JsonValueKind.Object or JsonValueKind.Array:
                        parameters.Refuse(InputObject.Cut(parameter.Name), "must be a string, a number, a boolean or an array of those");
                        break;
                    default:
                        query.Append(query.Length > 0 ? "&" : "").Append(Uri.EscapeDataString(parameter.Name)).Append('=').Append(Uri.EscapeDataString(InputObject.Plain(value)));
                        break;
                }
            }
        }

        return query.ToString();
    }

    private static List<KeyValuePair<string, string>> ReadHeaders(InputObject root)
    {
        InputObject headers = root.Object("headers");
        List<KeyValuePair<string, string>> read = [];
        foreach (JsonProperty header in headers.Members())
        {
            if (HeaderProblem(header) is { } problem)
                headers.Refuse(InputObject.Cut(header.Name), problem);
            else
                read.Add(new(header.Name, header.Value.GetString()!));
        }

        if (read.Count > MaxHeaders)
            root.Refuse("headers", string.Create(CultureInfo.InvariantCulture, $"has {read.Count} headers, {MaxHeaders} are allowed"));
        return read;
    }

    private static string? HeaderProblem(JsonProperty header)
    {
        if (header.Name.Length == 0 || header.Name.AsSpan().IndexOfAnyExcept(Token) >= 0)
            return "is no header name: only letters, digits and !#$%&'*+-.^_`|~ can stand in one";
        if (Reserved.Contains(header.Name))
            return "is set by the transport and cannot be given: remove it";
        if (header.Name.Equals("Idempotency-Key", StringComparison.OrdinalIgnoreCase))
            return "is given as the field 'idempotency_key'";
        if (header.Value.ValueKind != JsonValueKind.String)
            return $"must be a string, not {InputObject.Kind(header.Value)}";
        return IsHeaderValue(header.Value.GetString()!) ? null : "holds line breaks, control characters or letters outside ASCII: remove or encode them";
    }

    private static bool IsHeaderValue(string value) => !value.AsSpan().ContainsAnyExceptInRange(' ', '~');

    private static (ReadOnlyMemory<byte>? Body, string Type) ReadBody(InputObject root, string method)
    {
        if (root.Any("body") is not { } body)
            return (null, "");
        if (method is "GET" or "HEAD")
            root.Refuse("body", $"cannot be sent with {method}: use 'params' or another method");
        return body.ValueKind == JsonValueKind.String
            ? (Encoding.UTF8.GetBytes(body.GetString()!), "text/plain; charset=utf-8")
            : (Encoding.UTF8.GetBytes(body.GetRawText()), "application/json");
    }

    private static string? ReadKey(InputObject root, string method, string fallback)
    {
        string? key = root.Text("idempotency_key");
        if (key is null && IsMutating(method))
            key = fallback;
        if (key is { Length: 0 } or { Length: > MaxKeyLength } || (key is not null && !IsHeaderValue(key)))
            root.Refuse("idempotency_key", $"must be 1 to {MaxKeyLength} visible ASCII characters; outside a run, POST, PUT, PATCH and DELETE need one");
        return key;
    }
}
