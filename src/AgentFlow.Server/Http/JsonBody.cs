using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Text;

namespace AgentFlow.Server.Http;

/// <summary>
/// The JSON object in a request's body, member by member. Collects everything that is wrong with the members; <see cref="End"/>
/// ends the request with the whole list.
/// </summary>
internal sealed class JsonBody
{
    // No body of this API has more members; a list of faults beyond this helps nobody.
    private const int MaxMembers = 100;
    private const int MaxFaults = 50;

    private readonly ReadOnlyMemory<byte> _utf8;
    private readonly List<(string Name, JsonTokenType Kind, int Start, int Length)> _members = [];
    private readonly List<string> _known = [];
    private List<ProblemEntry>? _errors;

    private JsonBody(ReadOnlyMemory<byte> utf8) => _utf8 = utf8;

    /// <summary>Reads the body; an empty one is an empty object.</summary>
    /// <exception cref="ProblemException">It is not JSON, or not an object.</exception>
    public static async ValueTask<JsonBody> ReadAsync(HttpContext context)
    {
        string type = RequestBody.MediaType(context);
        if (context.Request.ContentLength is not (null or 0) || type.Length > 0)
        {
            if (!RequestBody.IsJson(type))
            {
                throw RequestBody.Unsupported(type, RequestBody.Json);
            }
        }

        return Parse(await RequestBody.ReadAsync(context).ConfigureAwait(false));
    }

    /// <inheritdoc cref="ReadAsync"/>
    public static JsonBody Parse(ReadOnlyMemory<byte> utf8)
    {
        var body = new JsonBody(utf8);
        if (utf8.IsEmpty)
        {
            return body;
        }

        StrictJson.Check(utf8);
        var reader = new Utf8JsonReader(utf8.Span, new JsonReaderOptions { MaxDepth = StrictJson.MaxDepth });
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new ProblemException(ErrorCode.ValidationFailed, "The body must be a JSON object.", new ProblemEntry($"the body is {Word(reader.TokenType)}, not an object", Pointer: ""));
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            JsonTokenType kind = reader.TokenType;
            int start = (int)reader.TokenStartIndex;
            reader.Skip();
            if (body._members.Count == MaxMembers)
            {
                throw new ProblemException(ErrorCode.ValidationFailed, $"The body has more than {MaxMembers} members.");
            }

            body._members.Add((name, kind, start, (int)reader.BytesConsumed - start));
        }

        return body;
    }

    /// <summary>A text; <see langword="null"/> when the member is absent or null.</summary>
    public string? Text(string name, int maxLength)
    {
        if (Find(name, out JsonTokenType kind) is not { } raw || kind == JsonTokenType.Null)
        {
            return null;
        }

        if (kind != JsonTokenType.String)
        {
            Fault(name, $"'{name}' is {Word(kind)}, not a text");
            return null;
        }

        var reader = new Utf8JsonReader(raw.Span);
        reader.Read();
        string text = reader.GetString()!;
        if (text.Length > maxLength)
        {
            Fault(name, $"'{name}' has {text.Length} characters; at most {maxLength} are taken");
        }

        return text;
    }

    /// <summary>True, false, or <see langword="null"/> when absent.</summary>
    public bool? Flag(string name)
    {
        if (Find(name, out JsonTokenType kind) is null || kind == JsonTokenType.Null)
        {
            return null;
        }

        if (kind is not (JsonTokenType.True or JsonTokenType.False))
        {
            Fault(name, $"'{name}' is {Word(kind)}, not true or false");
        }

        return kind == JsonTokenType.True;
    }

    /// <summary>A number, as it was written; <see langword="null"/> when absent or null.</summary>
    public decimal? Number(string name)
    {
        if (Find(name, out JsonTokenType kind) is not { } raw || kind == JsonTokenType.Null)
        {
            return null;
        }

        var reader = new Utf8JsonReader(raw.Span);
        reader.Read();
        if (kind == JsonTokenType.Number && reader.TryGetDecimal(out decimal number))
        {
            return number;
        }

        Fault(name, kind == JsonTokenType.Number ? $"'{name}' is out of range" : $"'{name}' is {Word(kind)}, not a number");
        return null;
    }

    /// <summary>A list of texts, in order; <see langword="null"/> when absent or null.</summary>
    /// <param name="most">Most items.</param>
    /// <param name="problem">Says what is wrong with an item, or <see langword="null"/>.</param>
    public List<string>? TextList(string name, int most, Func<string, string?> problem)
    {
        if (Find(name, out JsonTokenType kind) is not { } raw || kind == JsonTokenType.Null)
        {
            return null;
        }

        var items = new List<string>();
        if (kind != JsonTokenType.StartArray)
        {
            Fault(name, $"'{name}' is {Word(kind)}, not a list of texts");
            return items;
        }

        var reader = new Utf8JsonReader(raw.Span);
        reader.Read();
        for (int i = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; i++)
        {
            if (i == most)
            {
                Fault(name, $"'{name}' has more than {most} items");
                break;
            }

            if (reader.TokenType != JsonTokenType.String)
            {
                Fault($"{name}/{i}", $"item {i} of '{name}' is {Word(reader.TokenType)}, not a text");
                reader.Skip();
            }
            else if (problem(reader.GetString()!) is { } fault)
            {
                Fault($"{name}/{i}", fault);
            }
            else
            {
                items.Add(reader.GetString()!);
            }
        }

        return items;
    }

    /// <summary>Any JSON value, as it was sent; <see langword="null"/> when absent.</summary>
    public ReadOnlyMemory<byte>? Value(string name) => Find(name, out _);

    /// <summary>The members of an object of texts, in order; empty when absent.</summary>
    public List<(string Name, string Value)> Texts(string name)
    {
        var texts = new List<(string, string)>();
        if (Find(name, out JsonTokenType kind) is not { } raw || kind == JsonTokenType.Null)
        {
            return texts;
        }

        if (kind != JsonTokenType.StartObject)
        {
            Fault(name, $"'{name}' is {Word(kind)}, not an object");
            return texts;
        }

        var reader = new Utf8JsonReader(raw.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType == JsonTokenType.String)
            {
                texts.Add((key, reader.GetString()!));
            }
            else
            {
                Fault($"{name}/{Escape(key)}", $"'{key}' is {Word(reader.TokenType)}, not a text");
                reader.Skip();
            }
        }

        return texts;
    }

    /// <param name="pointer">Without the leading slash.</param>
    public void Fault(string pointer, string message, string? remedy = null)
    {
        _errors ??= [];
        if (_errors.Count < MaxFaults)
        {
            _errors.Add(new ProblemEntry(message, Pointer: "/" + pointer, Remedy: remedy));
        }
    }

    /// <summary>Refuses members that nobody asked for, and everything that was found wrong.</summary>
    /// <exception cref="ProblemException"><c>VALIDATION_FAILED</c>.</exception>
    public void End()
    {
        foreach (var (name, _, _, _) in _members)
        {
            if (!_known.Contains(name))
            {
                string shown = name.Length <= 60 ? name : name[..60] + "…";
                Fault(Escape(shown), $"'{shown}' is not a member of this body{NearWord.Hint(name, _known)}", $"It takes {string.Join(", ", _known)}.");
            }
        }

        if (_errors is { Count: > 0 })
        {
            throw new ProblemException(ErrorCode.ValidationFailed, _errors.Count == 1 ? $"The body has a fault: {_errors[0].Message}." : $"The body has {(_errors.Count == MaxFaults ? "at least " : "")}{_errors.Count} faults.", _errors);
        }
    }

    private ReadOnlyMemory<byte>? Find(string name, out JsonTokenType kind)
    {
        _known.Add(name);
        foreach (var member in _members)
        {
            if (member.Name == name)
            {
                kind = member.Kind;
                return _utf8.Slice(member.Start, member.Length);
            }
        }

        kind = JsonTokenType.None;
        return null;
    }

    private static string Escape(string name) => name.Replace("~", "~0").Replace("/", "~1");

    private static string Word(JsonTokenType kind) => kind switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a text",
        JsonTokenType.Number => "a number",
        JsonTokenType.True or JsonTokenType.False => "a boolean",
        _ => "null",
    };
}
