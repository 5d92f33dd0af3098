using System.Globalization;
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
    private readonly string _place;
    private readonly List<(string Name, JsonTokenType Kind, int Start, int Length)> _members = [];
    private readonly List<string> _known = [];
    private readonly List<ProblemEntry> _errors;

    /// <param name="place">Where the object stands in the body, as a JSON pointer with a slash behind it.</param>
    /// <param name="errors">Those of the body that it stands in.</param>
    private JsonBody(ReadOnlyMemory<byte> utf8, string place, List<ProblemEntry> errors) => (_utf8, _place, _errors) = (utf8, place, errors);

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
        var body = new JsonBody(utf8, "/", []);
        if (!utf8.IsEmpty)
        {
            StrictJson.Check(utf8);
            body.Enter();
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

    /// <summary>An object, whose faults become those of this body; <see langword="null"/> when absent, null, or none. <see cref="Close"/> it.</summary>
    public JsonBody? Object(string name)
    {
        if (Find(name, out JsonTokenType kind) is not { } raw || kind == JsonTokenType.Null)
        {
            return null;
        }

        if (kind != JsonTokenType.StartObject)
        {
            Fault(name, $"'{name}' is {Word(kind)}, not an object");
            return null;
        }

        return Inner(raw, $"{Escape(name)}/");
    }

    /// <summary>A list of objects, whose faults become those of this body; <see langword="null"/> when absent. <see cref="Close"/> each.</summary>
    /// <param name="most">Most items.</param>
    public List<JsonBody>? Objects(string name, int most)
    {
        if (Find(name, out JsonTokenType kind) is not { } raw)
        {
            return null;
        }

        var items = new List<JsonBody>();
        if (kind != JsonTokenType.StartArray)
        {
            Fault(name, $"'{name}' is {Word(kind)}, not a list of objects");
            return items;
        }

        var reader = new Utf8JsonReader(raw.Span, new JsonReaderOptions { MaxDepth = StrictJson.MaxDepth });
        reader.Read();
        for (int i = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; i++)
        {
            if (i == most)
            {
                Fault(name, $"'{name}' has more than {most} items", "Send the rest in another request.");
                break;
            }

            int start = (int)reader.TokenStartIndex;
            if (reader.TokenType != JsonTokenType.StartObject)
            {
                Fault($"{name}/{i}", $"item {i} of '{name}' is {Word(reader.TokenType)}, not an object");
                reader.Skip();
                continue;
            }

            reader.Skip();
            items.Add(Inner(raw[start..(int)reader.BytesConsumed], $"{name}/{i}/"));
        }

        return items;
    }

    /// <summary>The JSON of an object; <see langword="null"/> when absent or null.</summary>
    public ReadOnlyMemory<byte>? RawObject(string name, int maxBytes, bool orList = false)
    {
        if (Find(name, out JsonTokenType kind) is not { } raw || kind == JsonTokenType.Null)
        {
            return null;
        }

        if (kind != JsonTokenType.StartObject && !(orList && kind == JsonTokenType.StartArray))
        {
            Fault(name, $"'{name}' is {Word(kind)}, not an object{(orList ? " or a list" : "")}");
        }
        else if (raw.Length > maxBytes)
        {
            Fault(name, $"'{name}' has {raw.Length} bytes; at most {maxBytes} are taken");
        }

        return raw;
    }

    /// <summary>A point in time (RFC 3339); <see langword="null"/> when absent or null.</summary>
    public DateTimeOffset? Time(string name)
    {
        if (Text(name, 100) is not { } text)
        {
            return null;
        }

        if (DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time))
        {
            return time;
        }

        Fault(name, $"'{name}' is no time", "Give a time such as 2026-01-31T12:00:00Z.");
        return null;
    }

    /// <summary>The same body, to be read anew.</summary>
    public JsonBody Again()
    {
        var again = new JsonBody(_utf8, _place, []);
        again._members.AddRange(_members);
        return again;
    }

    /// <summary>Takes members that are given back by others and mean nothing here.</summary>
    public void Ignore(params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            _known.Add(name);
        }
    }

    /// <param name="pointer">Without the leading slash.</param>
    public void Fault(string pointer, string message, string? remedy = null)
    {
        if (_errors.Count < MaxFaults)
        {
            _errors.Add(new ProblemEntry(message, Pointer: _place + pointer, Remedy: remedy));
        }
    }

    /// <summary>Refuses members that nobody asked for, and everything that was found wrong.</summary>
    /// <exception cref="ProblemException"><c>VALIDATION_FAILED</c>.</exception>
    public void End()
    {
        Close();
        if (_errors.Count > 0)
        {
            throw new ProblemException(ErrorCode.ValidationFailed, _errors.Count == 1 ? $"The body has a fault: {_errors[0].Message}." : $"The body has {(_errors.Count == MaxFaults ? "at least " : "")}{_errors.Count} faults.", _errors);
        }
    }

    /// <summary>Notes members that nobody asked for, in an object inside of a body.</summary>
    public void Close()
    {
        foreach (var (name, _, _, _) in _members)
        {
            if (!_known.Contains(name))
            {
                string shown = name.Length <= 60 ? name : name[..60] + "…";
                Fault(Escape(shown), $"'{shown}' is not a member of this body{NearWord.Hint(name, _known)}", $"It takes {string.Join(", ", _known)}.");
            }
        }
    }

    private JsonBody Inner(ReadOnlyMemory<byte> utf8, string place)
    {
        var inner = new JsonBody(utf8, _place + place, _errors);
        inner.Enter();
        return inner;
    }

    private void Enter()
    {
        var reader = new Utf8JsonReader(_utf8.Span, new JsonReaderOptions { MaxDepth = StrictJson.MaxDepth });
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
            if (_members.Count == MaxMembers)
            {
                throw new ProblemException(ErrorCode.ValidationFailed, $"The body has more than {MaxMembers} members.");
            }

            _members.Add((name, kind, start, (int)reader.BytesConsumed - start));
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
