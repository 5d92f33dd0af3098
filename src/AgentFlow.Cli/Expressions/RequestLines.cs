using System.Buffers;
using System.Text.Json;

namespace AgentFlow.Cli.Expressions;

/// <summary>Answers requests line by line: one answer each, in order, written out before the next is read.</summary>
internal static class RequestLines
{
    private const int LongestLine = 64 * 1024 * 1024;

    /// <param name="answer">Writes the answer to a line, or returns what went wrong; what it has written then does not count.</param>
    public static void Answer(Stream input, Stream output, Func<byte[], ArrayBufferWriter<byte>, string?> answer)
    {
        var reply = new ArrayBufferWriter<byte>();
        foreach (var line in Lines(input))
        {
            reply.ResetWrittenCount();
            if (Problem(line, reply, answer) is { } problem)
            {
                reply.ResetWrittenCount();
                using var writer = new Utf8JsonWriter(reply, ExprFormat.WriterOptions);
                writer.WriteStartObject();
                writer.WriteString("error"u8, problem);
                writer.WriteEndObject();
            }

            reply.Write("\n"u8);
            output.Write(reply.WrittenSpan);
            output.Flush();
        }
    }

    private static string? Problem(byte[]? line, ArrayBufferWriter<byte> reply, Func<byte[], ArrayBufferWriter<byte>, string?> answer)
    {
        try
        {
            return line is null ? $"the line is longer than {LongestLine} bytes" : answer(line, reply);
        }
        catch (JsonException error)
        {
            return $"the line is no JSON: {error.Message}";
        }
        catch (Exception error)
        {
            // One request, whatever is wrong with it, must not end those after it.
            return error.Message;
        }
    }

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
