using System.Buffers;
using System.Text;
using System.Text.Json;
using AgentFlow.Engine.Runs;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Definitions;

/// <summary>
/// A JSON value with <c>${…}</c> expressions in its strings, compiled. A string that is one lone expression keeps the
/// expression's type; inside longer text the value is spelled out (strings as they are, everything else as JSON).
/// <c>$${</c> stands for a literal <c>${</c>.
/// </summary>
public abstract class ValueTemplate
{
    private ValueTemplate()
    {
    }

    /// <summary>All expressions in the template, in document order.</summary>
    public abstract IEnumerable<CelExpression> Expressions { get; }

    /// <summary>The texts that stand in the template itself, each with the property names and indexes that lead to it.</summary>
    public IEnumerable<(object[] Path, string Text)> Literals => Texts([]);

    /// <summary>How many elements the list has that is written here; <see langword="null"/>: no list is, or an expression gives it.</summary>
    internal int? WrittenItems => this switch
    {
        Array list => list.Count,
        Constant { IsList: true } list => list.Count,
        _ => null,
    };

    /// <summary>Whether a string can hold an expression, or an escaped <c>${</c>.</summary>
    public static bool HasMarker(string text) => text.Contains("${", StringComparison.Ordinal);

    /// <summary>Compiles every expression of a value.</summary>
    /// <param name="compile">Compiles one expression; <see langword="null"/> when it is wrong. All are compiled, also after a wrong one.</param>
    /// <returns><see langword="null"/> when one of them was wrong.</returns>
    public static ValueTemplate? Compile(JsonElement value, Func<TemplateExpression, CelExpression?> compile)
    {
        int strings = 0;
        return Compile(value, compile, ref strings);
    }

    /// <summary>Renders the template; on an expression's error the result is <see langword="null"/> and the error says which one.</summary>
    public Payload? Render(ICelVariables variables, out string? error)
    {
        if (this is Constant constant)
        {
            error = null;
            return constant.Payload;
        }

        if (this is Lone lone && variables is IPayloadVariables payloads && payloads.Payload(lone.Expression.Source) is { } whole)
        {
            error = null;
            return whole;
        }

        var buffer = new ArrayBufferWriter<byte>(256);
        using var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { SkipValidation = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        error = Write(writer, variables);
        if (error is not null)
        {
            return null;
        }

        writer.Flush();
        if (buffer.WrittenCount > Payload.MaxLength)
        {
            error = $"the value has {buffer.WrittenCount} bytes; a value has at most {Payload.MaxLength}.";
            return null;
        }

        return new Payload(buffer.WrittenMemory);
    }

    /// <summary>Writes the value; returns an error's text, or <see langword="null"/>.</summary>
    private protected abstract string? Write(Utf8JsonWriter writer, ICelVariables variables);

    private protected abstract IEnumerable<(object[] Path, string Text)> Texts(object[] path);

    internal static IEnumerable<(object[] Path, string Text)> TextsOf(JsonElement value, object[] path) => value.ValueKind switch
    {
        JsonValueKind.String => [(path, value.GetString()!)],
        JsonValueKind.Object => value.EnumerateObject().SelectMany(p => TextsOf(p.Value, [.. path, p.Name])),
        JsonValueKind.Array => value.EnumerateArray().SelectMany((item, i) => TextsOf(item, [.. path, i])),
        _ => [],
    };

    private static ValueTemplate? Compile(JsonElement value, Func<TemplateExpression, CelExpression?> compile, ref int strings)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                var properties = new List<(string Name, ValueTemplate? Value)>();
                foreach (JsonProperty property in value.EnumerateObject())
                {
                    properties.Add((property.Name, Compile(property.Value, compile, ref strings)));
                }

                return properties.All(p => p.Value is Constant) ? new Constant(value)
                    : properties.TrueForAll(p => p.Value is not null) ? new Object([.. properties.Select(p => (p.Name, p.Value!))])
                    : null;
            case JsonValueKind.Array:
                var items = new List<ValueTemplate?>();
                foreach (JsonElement item in value.EnumerateArray())
                {
                    items.Add(Compile(item, compile, ref strings));
                }

                return items.All(i => i is Constant) ? new Constant(value)
                    : items.TrueForAll(i => i is not null) ? new Array([.. items.Select(i => i!)])
                    : null;
            case JsonValueKind.String when HasMarker(value.GetString()!):
                return CompileText(value.GetString()!, strings++, compile);
            default:
                return new Constant(value);
        }
    }

    private static ValueTemplate? CompileText(string text, int index, Func<TemplateExpression, CelExpression?> compile)
    {
        var parts = new List<object?>();
        var literal = new StringBuilder();
        int i = 0;
        while (i < text.Length)
        {
            if (text.AsSpan(i).StartsWith("$${"))
            {
                literal.Append("${");
                i += 3;
            }
            else if (text.AsSpan(i).StartsWith("${"))
            {
                if (literal.Length > 0)
                {
                    parts.Add(literal.ToString());
                    literal.Clear();
                }

                int end = ExpressionEnd(text, i + 2);
                bool isClosed = end < text.Length;
                string inner = text[(i + 2)..end];
                int offset = isClosed ? i + 2 + inner.Length - inner.TrimStart().Length : i;
                parts.Add(compile(new TemplateExpression(inner.Trim(), index, offset, isClosed)));
                i = end + 1;
            }
            else
            {
                literal.Append(text[i++]);
            }
        }

        if (literal.Length > 0)
        {
            parts.Add(literal.ToString());
        }

        return parts switch
        {
            [CelExpression only] => new Lone(only),
            [] => new Constant(JsonSerializer.SerializeToElement("")),
            // No constant: whoever holds it would be taken as it is written, with its escapes.
            _ when parts.Contains(null) => null,
            _ => new Text([.. parts.Select(p => p!)]),
        };
    }

    /// <summary>Index of the brace that closes the expression, skipping nested braces and string literals; the text's length when none does.</summary>
    private static int ExpressionEnd(string text, int start)
    {
        int depth = 0;
        for (int i = start; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '{':
                    depth++;
                    break;
                case '}' when depth-- == 0:
                    return i;
                case '\'' or '"':
                    char quote = text[i];
                    for (i++; i < text.Length && text[i] != quote; i++)
                    {
                        if (text[i] == '\\')
                        {
                            i++;
                        }
                    }

                    break;
            }
        }

        return text.Length;
    }

    private static string? Fault(CelExpression expression, CelValue value) =>
        value.IsError ? $"'{expression.Source}': {value.AsError().Message}" : null;

    private sealed class Constant(JsonElement value) : ValueTemplate
    {
        private readonly JsonElement _value = value.Clone();

        /// <summary>Written on first use: most constants are parts of larger values and never asked.</summary>
        public Payload Payload => field ??= new Payload(Encoding.UTF8.GetBytes(_value.GetRawText()));

        public bool IsList => _value.ValueKind == JsonValueKind.Array;

        public int Count => _value.GetArrayLength();

        public override IEnumerable<CelExpression> Expressions => [];

        public override string ToString() => _value.ToString();

        private protected override IEnumerable<(object[] Path, string Text)> Texts(object[] path) => TextsOf(_value, path);

        private protected override string? Write(Utf8JsonWriter writer, ICelVariables variables)
        {
            _value.WriteTo(writer);
            return null;
        }
    }

    private sealed class Lone(CelExpression expression) : ValueTemplate
    {
        public CelExpression Expression { get; } = expression;

        public override IEnumerable<CelExpression> Expressions => [Expression];

        public override string ToString() => $"${{{Expression.Source}}}";

        private protected override IEnumerable<(object[] Path, string Text)> Texts(object[] path) => [];

        private protected override string? Write(Utf8JsonWriter writer, ICelVariables variables)
        {
            CelValue value = Expression.Evaluate(variables);
            if (Fault(Expression, value) is { } fault)
            {
                return fault;
            }

            try
            {
                value.WriteJson(writer);
                return null;
            }
            catch (CelJsonException e)
            {
                return $"'{Expression.Source}': {e.Message}";
            }
        }
    }

    private sealed class Text(object[] parts) : ValueTemplate
    {
        public override IEnumerable<CelExpression> Expressions => parts.OfType<CelExpression>();

        public override string ToString() => string.Concat(parts.Select(p => p is CelExpression expression ? $"${{{expression.Source}}}" : p));

        private protected override IEnumerable<(object[] Path, string Text)> Texts(object[] path) => parts.OfType<string>().Select(p => (path, p));

        private protected override string? Write(Utf8JsonWriter writer, ICelVariables variables)
        {
            var text = new StringBuilder();
            foreach (object part in parts)
            {
                if (part is string literal)
                {
                    text.Append(literal);
                    continue;
                }

                var expression = (CelExpression)part;
                CelValue value = expression.Evaluate(variables);
                if (Fault(expression, value) is { } fault)
                {
                    return fault;
                }

                try
                {
                    text.Append(value.Kind == CelKind.String ? value.AsString() : Encoding.UTF8.GetString(value.ToJson()));
                }
                catch (CelJsonException e)
                {
                    return $"'{expression.Source}': {e.Message}";
                }
            }

            writer.WriteStringValue(text.ToString());
            return null;
        }
    }

    private sealed class Object((string Name, ValueTemplate Value)[] properties) : ValueTemplate
    {
        public override IEnumerable<CelExpression> Expressions => properties.SelectMany(p => p.Value.Expressions);

        private protected override IEnumerable<(object[] Path, string Text)> Texts(object[] path) => properties.SelectMany(p => p.Value.Texts([.. path, p.Name]));

        private protected override string? Write(Utf8JsonWriter writer, ICelVariables variables)
        {
            writer.WriteStartObject();
            foreach ((string name, ValueTemplate value) in properties)
            {
                writer.WritePropertyName(name);
                if (value.Write(writer, variables) is { } error)
                {
                    return error;
                }
            }

            writer.WriteEndObject();
            return null;
        }
    }

    private sealed class Array(ValueTemplate[] items) : ValueTemplate
    {
        public int Count => items.Length;

        public override IEnumerable<CelExpression> Expressions => items.SelectMany(i => i.Expressions);

        private protected override IEnumerable<(object[] Path, string Text)> Texts(object[] path) => items.SelectMany((item, i) => item.Texts([.. path, i]));

        private protected override string? Write(Utf8JsonWriter writer, ICelVariables variables)
        {
            writer.WriteStartArray();
            foreach (ValueTemplate item in items)
            {
                if (item.Write(writer, variables) is { } error)
                {
                    return error;
                }
            }

            writer.WriteEndArray();
            return null;
        }
    }
}

/// <summary>One <c>${…}</c> of a template.</summary>
/// <param name="Source">The expression without blanks around it.</param>
/// <param name="StringIndex">Position, from 0, among the template's strings for which <see cref="ValueTemplate.HasMarker"/> is true, in document order.</param>
/// <param name="Offset">UTF-16 offset of the source in that string; of the <c>${</c> when nothing closes it.</param>
/// <param name="IsClosed">False when no <c>}</c> closes the expression; the source is then the rest of the string.</param>
public readonly record struct TemplateExpression(string Source, int StringIndex, int Offset, bool IsClosed);

/// <summary>Variables that can hand out a whole JSON value without parsing and writing it again.</summary>
internal interface IPayloadVariables : ICelVariables
{
    /// <summary>The payload that a plain path such as <c>input</c> or <c>steps.a.output</c> names, or <see langword="null"/>.</summary>
    Payload? Payload(string path);
}
