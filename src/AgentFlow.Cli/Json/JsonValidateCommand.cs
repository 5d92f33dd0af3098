using System.CommandLine;
using System.Text;
using System.Text.Json;
using AgentFlow.Expressions.JsonSchema;

namespace AgentFlow.Cli.Json;

/// <summary><c>af json validate</c>: holds JSON against a JSON Schema (draft 2020-12).</summary>
internal static class JsonValidateCommand
{
    private const int MaxDepth = 1000;

    public static Command Create()
    {
        var schema = new Option<string?>("--schema") { Description = "The file with the schema.", HelpName = "file" };
        var instance = new Argument<string?>("file")
        {
            Description = "The file with the JSON to validate; - or nothing is standard input.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var ndjson = new Option<bool>("--ndjson")
        {
            Description = "Read requests from standard input, one {\"schema\", \"instance\"} a line; answer each with a line {\"valid\", \"errors\"}.",
        };
        var assertFormat = new Option<bool>("--assert-format") { Description = "Check 'format' too, which is an annotation otherwise." };
        var command = new Command("validate", "Validate JSON against a JSON Schema (draft 2020-12). Ends with 1 when it is invalid.")
        {
            schema, instance, ndjson, assertFormat,
        };
        command.SetAction(parsed =>
        {
            var options = new JsonSchemaOptions { AssertFormat = parsed.GetValue(assertFormat) };
            string? schemaFile = parsed.GetValue(schema), instanceFile = parsed.GetValue(instance);
            if (!parsed.GetValue(ndjson)) return One(schemaFile, instanceFile, options, JsonCommand.WantsJson(parsed));
            if (schemaFile is not null || instanceFile is not null) return Misuse("--ndjson takes schemas and instances from standard input only.");

            using Stream input = Console.OpenStandardInput();
            using Stream output = Console.OpenStandardOutput();
            new JsonValidateLines(options).Answer(input, output);
            return 0;
        });
        return command;
    }

    /// <summary>Compiles the schema in a JSON text.</summary>
    internal static bool TryCompile(ReadOnlyMemory<byte> json, JsonSchemaOptions options, out JsonSchema? schema, out IReadOnlyList<SchemaError> errors)
    {
        schema = null;
        try
        {
            var strict = new JsonDocumentOptions { MaxDepth = MaxDepth, AllowDuplicateProperties = false };
            using JsonDocument document = JsonDocument.Parse(json, strict);
            return JsonSchema.TryCompile(document.RootElement, options, out schema, out errors);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a name with a lone surrogate.
            errors = [new SchemaError("", $"Not JSON: {e.Message}")];
            return false;
        }
    }

    private static int One(string? schemaFile, string? instanceFile, JsonSchemaOptions options, bool asJson)
    {
        if (schemaFile is null) return Misuse("Name the schema: af json validate --schema schema.json data.json");
        if (!TryRead(schemaFile, out ReadOnlyMemory<byte> schemaText) || !TryRead(instanceFile ?? "-", out ReadOnlyMemory<byte> text)) return ExitCode.Usage;
        if (!TryCompile(schemaText, options, out JsonSchema? schema, out IReadOnlyList<SchemaError> errors))
        {
            foreach (SchemaError error in errors) Console.Error.WriteLine($"af json validate: {schemaFile}: {error}");
            return ExitCode.Usage;
        }

        SchemaResult result = schema!.Validate(text);
        using Stream output = Console.OpenStandardOutput();
        output.Write(asJson ? [.. JsonValidateLines.ToJson(result), (byte)'\n'] : Encoding.UTF8.GetBytes(ToText(result)));
        return result.Valid ? ExitCode.Ok : ExitCode.Failed;
    }

    internal static string ToText(SchemaResult result) => result.Valid
        ? $"valid{Environment.NewLine}"
        : string.Concat(result.Errors.Select(e =>
            $"{(e.InstanceLocation.Length == 0 ? "(root)" : e.InstanceLocation)}: {e.Message} [{e.KeywordLocation}]{Environment.NewLine}"));

    /// <summary>Reads a whole file, or standard input for <c>-</c>; a byte order mark in front is left out.</summary>
    private static bool TryRead(string file, out ReadOnlyMemory<byte> text)
    {
        try
        {
            using Stream stream = file == "-" ? Console.OpenStandardInput() : File.OpenRead(file);
            using var buffer = new MemoryStream();
            stream.CopyTo(buffer);
            text = buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
            if (text.Span.StartsWith("\uFEFF"u8)) text = text[3..];
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            Misuse($"'{file}' cannot be read: {e.Message}");
            text = default;
            return false;
        }
    }

    private static int Misuse(string message)
    {
        Console.Error.WriteLine($"af json validate: {message}");
        return ExitCode.Usage;
    }
}
