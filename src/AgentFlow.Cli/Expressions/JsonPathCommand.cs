using System.Buffers;
using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Unicode;
using AgentFlow.Expressions.JsonPath;

namespace AgentFlow.Cli.Expressions;

/// <summary><c>af expr jsonpath</c>: selects from a JSON document with a JSONPath query (RFC 9535).</summary>
internal static class JsonPathCommand
{
    private const int MostNodes = 1_000_000;
    private const long FreeSteps = 50_000_000;
    private const int StepsPerByte = 64;
    private const int LargestAnswer = 256 * 1024 * 1024;

    // Neither the parser nor the walk recurses, but the parser takes time by the square of the depth.
    private static readonly JsonDocumentOptions ReaderOptions = new() { MaxDepth = 50_000 };

    public static Command Create()
    {
        var query = new Argument<string?>("query") { Description = "The query. Left out with --ndjson.", Arity = ArgumentArity.ZeroOrOne };
        var file = new Argument<string?>("file")
        {
            Description = "The file with the JSON document; - or nothing is standard input.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var paths = new Option<bool>("--paths") { Description = "Print the normalized path of each node instead of its value." };
        var ndjson = new Option<bool>("--ndjson")
        {
            Description = "Read requests from standard input, one {\"path\", \"document\"} a line; "
                + "answer each with a line {\"value\": [nodes]} or {\"error\": \"…\"}.",
        };
        var command = new Command("jsonpath", "Select from a JSON document with a JSONPath query (RFC 9535) and print the nodes as a JSON array.")
        {
            query, file, paths, ndjson,
        };
        command.SetAction(parsed =>
        {
            string? text = parsed.GetValue(query);
            using Stream output = Console.OpenStandardOutput();
            if (!parsed.GetValue(ndjson))
            {
                return text is null
                    ? Misuse("a query is missing: af expr jsonpath '$.items[*].id' data.json")
                    : SelectOne(text, parsed.GetValue(file) ?? "-", parsed.GetValue(paths), output);
            }

            if (text is not null)
            {
                return Misuse("--ndjson takes queries and documents from standard input only");
            }

            using Stream input = Console.OpenStandardInput();
            RequestLines.Answer(input, output, (line, answer) => Answer(line, parsed.GetValue(paths), answer));
            return ExitCode.Ok;
        });
        return command;
    }

    /// <summary>Writes the answer to one request, or returns what went wrong.</summary>
    internal static string? Answer(byte[] line, bool wantsPaths, ArrayBufferWriter<byte> answer)
    {
        if (!Utf8.IsValid(line))
        {
            return "the line is not UTF-8";
        }

        using JsonDocument request = JsonDocument.Parse(line, ReaderOptions);
        JsonElement root = request.RootElement;
        if (root.ValueKind != JsonValueKind.Object
            || !root.TryGetProperty("path"u8, out JsonElement path) || path.ValueKind != JsonValueKind.String
            || !root.TryGetProperty("document"u8, out JsonElement document))
        {
            return "a request is an object with the string 'path' and the value 'document'";
        }

        if (!JsonPathQuery.TryCompile(Text(path), out JsonPathQuery? query, out JsonPathError? error))
        {
            return error.ToString();
        }

        answer.Write("{\"value\":"u8);
        string? problem = Select(query, document, wantsPaths, answer);
        answer.Write("}"u8);
        return problem;
    }

    private static int SelectOne(string text, string file, bool wantsPaths, Stream output)
    {
        if (!JsonPathQuery.TryCompile(text, out JsonPathQuery? query, out JsonPathError? error))
        {
            return Fail(error.ToString());
        }

        try
        {
            using Stream input = file == "-" ? Console.OpenStandardInput() : File.OpenRead(file);
            using JsonDocument document = JsonDocument.Parse(input, ReaderOptions);
            var answer = new ArrayBufferWriter<byte>();
            if (Select(query, document.RootElement, wantsPaths, answer) is { } problem)
            {
                return Fail(problem);
            }

            answer.Write("\n"u8);
            output.Write(answer.WrittenSpan);
            return ExitCode.Ok;
        }
        catch (JsonException problem)
        {
            return Fail($"{file}: no JSON: {problem.Message}");
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return Misuse($"cannot read {file}: {problem.Message}");
        }
    }

    private static string? Select(JsonPathQuery query, JsonElement document, bool wantsPaths, ArrayBufferWriter<byte> answer)
    {
        var budget = new JsonPathBudget(MostNodes, FreeSteps + ((long)StepsPerByte * JsonMarshal.GetRawUtf8Value(document).Length));
        const string tooMuch = "the query selects or visits too much: make it more specific";
        if (wantsPaths)
        {
            if (query.Locate(document, budget) is not { } located)
            {
                return tooMuch;
            }

            using var writer = new Utf8JsonWriter(answer, ExprFormat.WriterOptions);
            writer.WriteStartArray();
            foreach (JsonPathNode node in located)
            {
                writer.WriteStringValue(node.Path);
                if (writer.BytesCommitted + writer.BytesPending > LargestAnswer)
                {
                    return tooMuch;
                }
            }

            writer.WriteEndArray();
            return null;
        }

        if (query.Select(document, budget) is not { } nodes)
        {
            return tooMuch;
        }

        bool isFirst = true;
        foreach (JsonElement node in nodes)
        {
            answer.Write(isFirst ? "["u8 : ","u8);
            isFirst = false;

            // As it stands there: numbers keep their digits, texts their escapes.
            ReadOnlySpan<byte> raw = JsonMarshal.GetRawUtf8Value(node);
            if (answer.WrittenCount + (long)raw.Length > LargestAnswer)
            {
                return tooMuch;
            }

            answer.Write(raw);
        }

        answer.Write(isFirst ? "[]"u8 : "]"u8);
        return null;
    }

    private static string Text(JsonElement path)
    {
        try
        {
            return path.GetString()!;
        }
        catch (InvalidOperationException error)
        {
            throw new JsonException("'path' is no valid string", error);
        }
    }

    private static int Fail(string message)
    {
        Console.Error.WriteLine($"af expr jsonpath: {message}");
        return ExitCode.Failed;
    }

    private static int Misuse(string message)
    {
        Console.Error.WriteLine($"af expr jsonpath: {message}");
        return ExitCode.Usage;
    }
}
