using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace AgentFlow.Engine.Secrets;

/// <summary>
/// Knows every secret that this process has seen, and takes them out of whatever is about to be written down: as they are, and
/// escaped for JSON, URLs and HTML, in hexadecimal and in Base64 at any offset. Safe for concurrent use.
/// </summary>
public sealed class SecretMask
{
    /// <summary>Shorter values cannot be told from other text and are refused as secrets.</summary>
    public const int LeastLength = 6;

    // A rotated secret is still a secret for a while.
    private const int ValuesPerName = 8;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, List<string>> _values = new(StringComparer.Ordinal);
    private State? _state;

    public bool IsEmpty => _state is null;

    /// <summary>Makes values known.</summary>
    /// <param name="secrets">Names, for what stands in a secret's place, and values; shorter ones than <see cref="LeastLength"/> are left out.</param>
    public void Add(IEnumerable<(string Name, string Value)> secrets)
    {
        lock (_gate)
        {
            bool changed = false;
            foreach ((string name, string value) in secrets)
            {
                List<string> known = _values.TryGetValue(name, out List<string>? found) ? found : _values[name] = [];
                if (value.Length >= LeastLength && !known.Contains(value))
                {
                    known.Add(value);
                    known.RemoveRange(0, Math.Max(0, known.Count - ValuesPerName));
                    changed = true;
                }
            }

            if (changed)
            {
                _state = new State(_values);
            }
        }
    }

    /// <summary>The text without secrets; the same object when it holds none.</summary>
    public string Text(string text)
    {
        State? state = Volatile.Read(ref _state);
        if (state is null || text.AsSpan().IndexOfAny(state.Needles) < 0)
        {
            return text;
        }

        var masked = new StringBuilder(text.Length);
        ReadOnlySpan<char> rest = text;
        int at;
        while ((at = rest.IndexOfAny(state.Needles)) >= 0)
        {
            masked.Append(rest[..at]);
            rest = rest[at..];
            (string form, string name) = state.At(rest);
            masked.Append("[masked ").Append(name).Append(']');
            rest = rest[form.Length..];
        }

        return masked.Append(rest).ToString();
    }

    /// <summary>UTF-8 JSON without secrets, in names and in values; the same memory when it holds none.</summary>
    public ReadOnlyMemory<byte> Json(ReadOnlyMemory<byte> utf8)
    {
        State? state = Volatile.Read(ref _state);
        if (state is null)
        {
            return utf8;
        }

        // What is not escaped is found as it stands.
        if (!utf8.Span.Contains((byte)'\\') && Encoding.UTF8.GetString(utf8.Span).AsSpan().IndexOfAny(state.Needles) < 0)
        {
            return utf8;
        }

        var buffer = new ArrayBufferWriter<byte>(utf8.Length + 64);
        using var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });
        var reader = new Utf8JsonReader(utf8.Span, new JsonReaderOptions { MaxDepth = 1000 });
        bool changed = false;
        while (reader.Read())
        {
            changed |= Copy(ref reader, writer);
        }

        writer.Flush();
        return changed ? buffer.WrittenMemory : utf8;
    }

    private bool Copy(ref Utf8JsonReader reader, Utf8JsonWriter writer)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                writer.WriteStartObject();
                return false;
            case JsonTokenType.EndObject:
                writer.WriteEndObject();
                return false;
            case JsonTokenType.StartArray:
                writer.WriteStartArray();
                return false;
            case JsonTokenType.EndArray:
                writer.WriteEndArray();
                return false;
            case JsonTokenType.PropertyName:
                string name = reader.GetString()!;
                string shown = Text(name);
                writer.WritePropertyName(shown);
                return !ReferenceEquals(name, shown);
            case JsonTokenType.String:
                string text = reader.GetString()!;
                string masked = Text(text);
                writer.WriteStringValue(masked);
                return !ReferenceEquals(text, masked);
            default:
                string raw = Encoding.UTF8.GetString(reader.ValueSpan);
                string clean = Text(raw);
                if (ReferenceEquals(raw, clean))
                {
                    writer.WriteRawValue(reader.ValueSpan, skipInputValidation: true);
                    return false;
                }

                writer.WriteStringValue(clean);
                return true;
        }
    }

    private sealed class State
    {
        private readonly Dictionary<char, (string Form, string Name)[]> _byFirst;

        public State(Dictionary<string, List<string>> secrets)
        {
            var forms = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach ((string name, List<string> values) in secrets)
            {
                foreach (string form in values.SelectMany(SecretForms.Of))
                {
                    forms.TryAdd(form, name);
                }
            }

            Needles = SearchValues.Create([.. forms.Keys], StringComparison.Ordinal);
            // The longest first: what begins with another secret is not left half of.
            _byFirst = forms.GroupBy(f => f.Key[0]).ToDictionary(g => g.Key, g => g.Select(f => (f.Key, f.Value)).OrderByDescending(f => f.Key.Length).ToArray());
        }

        public SearchValues<string> Needles { get; }

        /// <summary>The form that a text begins with.</summary>
        public (string Form, string Name) At(ReadOnlySpan<char> text)
        {
            foreach ((string form, string name) in _byFirst[text[0]])
            {
                if (text.StartsWith(form, StringComparison.Ordinal))
                {
                    return (form, name);
                }
            }

            throw new InvalidOperationException("A form was found where none begins.");
        }
    }
}
