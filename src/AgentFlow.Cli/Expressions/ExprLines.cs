using System.Buffers;
using System.Text.Json;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Cli.Expressions;

/// <summary>Answers requests line by line: one answer each, in order, written out before the next is read.</summary>
internal static class ExprLines
{
    private const int LongestLine = 64 * 1024 * 1024;

    public static void Answer(Stream input, Stream output, ExprFormat format)
    {
        var answer = new ArrayBufferWriter<byte>();
        foreach (var line in Lines(input))
        {
            answer.ResetWrittenCount();
            Answer(line, format, answer);
            answer.Write("\n"u8);
            output.Write(answer.WrittenSpan);
            output.Flush();
        }
    }

    private static void Answer(byte[]? line, ExprFormat format, ArrayBufferWriter<byte> answer)
    {
        string? problem = null;
        try
        {
            problem = line is null ? $"the line is longer than {LongestLine} bytes" : Evaluate(line, format, answer);
        }
        catch (JsonException error)
        {
            problem = $"the line is no JSON: {error.Message}";
        }
        catch (Exception error)
        {
            // One request, whatever is wrong with it, must not end those after it.
            problem = error.Message;
        }

        if (problem is not null)
        {
            answer.ResetWrittenCount();
            using var writer = new Utf8JsonWriter(answer, ExprFormat.WriterOptions);
            writer.WriteStartObject();
            writer.WriteString("error"u8, problem);
            writer.WriteEndObject();
        }
    }

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

    /// <summary>Cuts the input at line feeds; null stands for a line that is too long. A last line needs no line feed.</summary>
    private static IEnumerable<byte[]?> Lines(Stream input)
    {
        var line = new MemoryStream();
        var buffer = new byte[64 * 1024];
        var isTooLong = false;
        int read;
        while ((read = input.Read(buffer)) > 0)
        {
            var start = 0;
            int length;
            while ((length = buffer.AsSpan(start, read - start).IndexOf((byte)'\n')) >= 0)
            {
                line.Write(buffer, start, length);
                yield return isTooLong ? null : line.ToArray();
                line.SetLength(0);
                isTooLong = false;
                start += length + 1;
            }

            line.Write(buffer, start, read - start);
            if (line.Length > LongestLine)
            {
                isTooLong = true;
                line.SetLength(0);
            }
        }

        if (line.Length > 0 || isTooLong)
        {
            yield return isTooLong ? null : line.ToArray();
        }
    }
}
