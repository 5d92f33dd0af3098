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

    /// <param name="compile">Compiles one expression's source; the second argument is the JSON pointer of the string that holds it.</param>
    public static ValueTemplate Compile(JsonElement value, Func<string, string, CelExpression> compile) => Compile(value, "", compile);

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
        return new Payload(buffer.WrittenMemory);
    }

    /// <summary>Writes the value; returns an error's text, or <see langword="null"/>.</summary>
    private protected abstract string? Write(Utf8JsonWriter writer, ICelVariables variables);

    private static ValueTemplate Compile(JsonElement value, string pointer, Func<string, string, CelExpression> compile)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                var properties = value.EnumerateObject().Select(p => (p.Name, Compile(p.Value, $"{pointer}/{p.Name.Replace("~", "~0").Replace("/", "~1")}", compile))).ToArray();
                return properties.All(p => p.Item2 is Constant) ? new Constant(value) : new Object(properties);
            case JsonValueKind.Array:
                var items = value.EnumerateArray().Select((item, i) => Compile(item, $"{pointer}/{i}", compile)).ToArray();
                return items.All(i => i is Constant) ? new Constant(value) : new Array(items);
            case JsonValueKind.String when value.GetString()!.Contains("${", StringComparison.Ordinal):
                return CompileText(value.GetString()!, pointer, compile);
            default:
                return new Constant(value);
        }
    }

    private static ValueTemplate CompileText(string text, string pointer, Func<string, string, CelExpression> compile)
    {
        var parts = new List<object>();
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
                int end = ExpressionEnd(text, i + 2);
                if (literal.Length > 0)
                {
                    parts.Add(literal.ToString());
                    literal.Clear();
                }

                parts.Add(compile(text[(i + 2)..end].Trim(), pointer));
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
            [string only] => new Constant(JsonSerializer.SerializeToElement(only)),
            _ => new Text([.. parts]),
        };
    }

    /// <summary>Index of the brace that closes the expression, skipping nested braces and string literals.</summary>
    /// <exception cref="FormatException">No brace closes it.</exception>
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

        throw new FormatException("'${' is never closed; add the '}' or write '$${' for a literal '${'.");
    }

    private static string? Fault(CelExpression expression, CelValue value) =>
        value.IsError ? $"'{expression.Source}': {value.AsError().Message}" : null;

    private sealed class Constant(JsonElement value) : ValueTemplate
    {
        private readonly JsonElement _value = value.Clone();

        public Payload Payload { get; } = new(Encoding.UTF8.GetBytes(value.GetRawText()));

        public override IEnumerable<CelExpression> Expressions => [];

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
        public override IEnumerable<CelExpression> Expressions => items.SelectMany(i => i.Expressions);

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

/// <summary>Variables that can hand out a whole JSON value without parsing and writing it again.</summary>
internal interface IPayloadVariables : ICelVariables
{
    /// <summary>The payload that a plain path such as <c>input</c> or <c>steps.a.output</c> names, or <see langword="null"/>.</summary>
    Payload? Payload(string path);
}
