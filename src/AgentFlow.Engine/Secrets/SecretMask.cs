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

    // JSON in JSON in JSON, or JSON in a page; and what can be read in several ways is read in so many.
    private const int MostDepth = 3;
    private const int MostLevels = 24;

    private static readonly SearchValues<char> Escapes = SearchValues.Create("\\%&");
    private static readonly SearchValues<byte> EscapeBytes = SearchValues.Create("\\%&"u8);

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

    /// <summary>The text without secrets, and without the beginning of one that is cut off at the text's end; the same object when it holds none.</summary>
    public string Text(string text)
    {
        if (Volatile.Read(ref _state) is not { } state)
        {
            return text;
        }

        string masked = Readable(state, text);
        List<(int From, int To, string Name)>? found = null;
        foreach ((int from, int to, string decoded) in EncodedRuns.Of(masked))
        {
            // What is encoded cannot be masked in part.
            if (decoded.Length >= LeastLength && !ReferenceEquals(Readable(state, decoded), decoded))
            {
                (found ??= []).Add((from, to, "secret"));
            }
        }

        return found is null ? masked : Replace(masked, found);
    }

    private static string Readable(State state, string text)
    {
        string masked = Plain(state, text);
        return masked.AsSpan().IndexOfAny(Escapes) < 0 ? masked : Decoded(state, masked);
    }

    private static string Plain(State state, string text)
    {
        if (text.AsSpan().IndexOfAny(state.Needles) >= 0)
        {
            var masked = new StringBuilder(text.Length);
            ReadOnlySpan<char> rest = text;
            int at;
            while ((at = rest.IndexOfAny(state.Needles)) >= 0)
            {
                masked.Append(rest[..at]);
                rest = rest[at..];
                (string form, string name) = state.At(rest);
                masked.Append(Mark(name));
                rest = rest[form.Length..];
            }

            text = masked.Append(rest).ToString();
        }

        return state.CutOff(text) is var (start, end, cut) ? $"{text.AsSpan(0, start)}{Mark(cut)}{text.AsSpan(end)}" : text;
    }

    /// <summary>Looks behind escapes: who writes JSON into JSON, HTML or an address escapes each in a way of its own.</summary>
    private static string Decoded(State state, string text)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var found = new List<(int From, int To, string Name)>();
        var levels = new Queue<(DecodedText Text, int Depth)>([(DecodedText.Of(text), 0)]);
        while (levels.TryDequeue(out (DecodedText Text, int Depth) level) && seen.Count < MostLevels)
        {
            if (!seen.Add(level.Text.Text))
            {
                continue;
            }

            Find(state, level.Text, found);
            if (level.Depth < MostDepth)
            {
                foreach (DecodedText? next in new[] { level.Text.WithoutJson(), level.Text.WithoutPercent(), level.Text.WithoutHtml() })
                {
                    if (next is not null)
                    {
                        levels.Enqueue((next, level.Depth + 1));
                    }
                }
            }
        }

        return found.Count == 0 ? text : Replace(text, found);
    }

    private static string Replace(string text, List<(int From, int To, string Name)> found)
    {
        var clean = new StringBuilder(text.Length);
        int copied = 0;
        foreach ((int from, int to, string name) in found.OrderBy(f => f.From).ThenByDescending(f => f.To))
        {
            if (from >= copied)
            {
                clean.Append(text, copied, from - copied).Append(Mark(name));
            }

            // What overlaps is part of the same thing, read in two ways.
            copied = Math.Max(copied, to);
        }

        return clean.Append(text, copied, text.Length - copied).ToString();
    }

    private static void Find(State state, DecodedText decoded, List<(int From, int To, string Name)> found)
    {
        string look = decoded.Text;
        void Add(int start, int length, string name)
        {
            (int from, int to) = decoded.Source(start, length);
            found.Add((from, to, name));
        }

        int at = 0;
        while (look.AsSpan(at).IndexOfAny(state.Needles) is var next and >= 0)
        {
            at += next;
            (string form, string name) = state.At(look.AsSpan(at));
            Add(at, form.Length, name);
            at += form.Length;
        }

        if (state.CutOff(look[at..]) is var (cut, end, cutName))
        {
            Add(at + cut, end - cut, cutName);
        }
    }

    private static string Mark(string name) => $"[masked {name}]";

    /// <summary>UTF-8 JSON without secrets, in names and in values; the same memory when it holds none.</summary>
    public ReadOnlyMemory<byte> Json(ReadOnlyMemory<byte> utf8)
    {
        State? state = Volatile.Read(ref _state);
        if (state is null)
        {
            return utf8;
        }

        // What is not escaped is found as it stands.
        if (utf8.Span.IndexOfAny(EscapeBytes) < 0 && !EncodedRuns.Any(utf8.Span) && Encoding.UTF8.GetString(utf8.Span).AsSpan().IndexOfAny(state.Needles) < 0)
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
        private readonly SearchValues<string> _stems;
        private readonly int _longest;

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
            _stems = SearchValues.Create([.. forms.Keys.Select(f => f[..LeastLength]).Distinct(StringComparer.Ordinal)], StringComparison.Ordinal);
            _longest = forms.Keys.Select(f => f.Length).DefaultIfEmpty(0).Max();
            // The longest first: what begins with another secret is not left half of.
            _byFirst = forms.GroupBy(f => f.Key[0]).ToDictionary(g => g.Key, g => g.Select(f => (f.Key, f.Value)).OrderByDescending(f => f.Key.Length).ToArray());
        }

        public SearchValues<string> Needles { get; }

        /// <summary>Where the beginning of a form stands at a text's end, without what says that the text was shortened; <see langword="null"/> when none does.</summary>
        public (int Start, int End, string Name)? CutOff(string text)
        {
            ReadOnlySpan<char> said = text.AsSpan().TrimEnd("…. \\\"')");
            int from = Math.Max(0, said.Length - _longest + 1);
            while (said[from..].IndexOfAny(_stems) is var found and >= 0)
            {
                from += found;
                foreach ((string form, string name) in _byFirst[said[from]])
                {
                    if (form.Length > said.Length - from && form.AsSpan().StartsWith(said[from..], StringComparison.Ordinal))
                    {
                        return (from, said.Length, name);
                    }
                }

                from++;
            }

            return null;
        }

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
