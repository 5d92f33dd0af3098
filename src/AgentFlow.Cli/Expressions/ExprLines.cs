using System.Buffers;
using System.Text.Json;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Cli.Expressions;

/// <summary>Answers lines <c>{"expr": …, "vars": …}</c> with lines <c>{"value": …}</c>.</summary>
internal static class ExprLines
{
    public static void Answer(Stream input, Stream output, ExprFormat format) =>
        RequestLines.Answer(input, output, (line, answer) => Evaluate(line, format, answer));

    /// <summary>Writes the answer, or returns what went wrong.</summary>
    private static string? Evaluate(byte[] line, ExprFormat format, ArrayBufferWriter<byte> answer)
    {
        using var document = JsonDocument.Parse(line, ExprFormat.ReaderOptions);
        var request = document.RootElement;
        if (request.ValueKind != JsonValueKind.Object || !request.TryGetProperty("expr"u8, out var source) || source.ValueKind != JsonValueKind.String)
        {
            return "a request is an object with the string 'expr'";
        }

        var options = new CelOptions { Container = Text(request, "container"), DisableMacros = Flag(request, "disable_macros") };
        var variables = request.TryGetProperty("vars"u8, out var vars) && vars.ValueKind != JsonValueKind.Null
            ? format.ReadVariables(vars)
            : CelVariables.Empty;
        if (!CelExpression.TryCompile(Text(request, "expr"), options, out var expression, out var errors))
        {
            return string.Join("; ", errors);
        }

        var value = expression.Evaluate(variables);
        if (value.IsError)
        {
            return value.AsError().ToString();
        }

        using var writer = new Utf8JsonWriter(answer, ExprFormat.WriterOptions);
        writer.WriteStartObject();
        writer.WritePropertyName("value"u8);
        format.Write(value, writer);
        writer.WriteEndObject();
        return null;
    }

    private static string Text(JsonElement request, string name)
    {
        try
        {
            return request.TryGetProperty(name, out var text) && text.ValueKind != JsonValueKind.Null ? text.GetString()! : "";
        }
        catch (InvalidOperationException error)
        {
            throw new CelJsonException($"'{name}' is no valid string", error);
        }
    }

    private static bool Flag(JsonElement request, string name) =>
        request.TryGetProperty(name, out var flag) && flag.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False or JsonValueKind.Null => false,
            _ => throw new CelJsonException($"'{name}' is true or false"),
        };
}
