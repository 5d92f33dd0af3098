using System.Buffers;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Scheduling;

/// <summary>The JSON object inside an inbox item; which fields are set depends on the item's kind.</summary>
public sealed record InboxContent
{
    /// <summary>Stands for the step that the run <see cref="By"/> does, where the sender does not know which that is.</summary>
    public const int ByChild = -1;

    /// <summary>A signal's name; of changes the sender's.</summary>
    public string Name { get; init; } = "";

    /// <summary>Changes of a plan.</summary>
    public string Text { get; init; } = "";

    /// <summary>How many changes the plan had that their sender saw; -1: any.</summary>
    public int Revision { get; init; } = -1;

    public string By { get; init; } = "";

    public string Reason { get; init; } = "";

    /// <summary>The node visit that a resolution or an answer is about.</summary>
    public int Node { get; init; }

    /// <summary>The intent that an answer is about.</summary>
    public int Generation { get; init; }

    /// <summary>Why an answered step failed; <see langword="null"/>: it succeeded.</summary>
    public StepError? Error { get; init; }

    /// <summary>What an answered step cost.</summary>
    public long CostNanoDollars { get; init; }

    /// <summary>Number of a place that was given.</summary>
    public long Round { get; init; }

    public int Position { get; init; }

    public StepResolution Resolution { get; init; }

    public Payload? Payload { get; init; }

    public ReadOnlyMemory<byte> Write()
    {
        var buffer = new ArrayBufferWriter<byte>(128);
        using var writer = new Utf8JsonWriter(buffer);
        writer.WriteStartObject();
        WriteText(writer, "name", Name);
        WriteText(writer, "text", Text);
        if (Revision >= 0)
        {
            writer.WriteNumber("revision", Revision);
        }

        WriteText(writer, "by", By);
        WriteText(writer, "reason", Reason);
        writer.WriteNumber("node", Node);
        writer.WriteNumber("resolution", (int)Resolution);
        if (Round > 0)
        {
            writer.WriteNumber("round", Round);
            writer.WriteNumber("position", Position);
        }

        if (Generation > 0)
        {
            writer.WriteNumber("generation", Generation);
        }

        if (CostNanoDollars > 0)
        {
            writer.WriteNumber("cost", CostNanoDollars);
        }

        if (Error is not null)
        {
            writer.WriteStartObject("error");
            writer.WriteString("code", Error.Code);
            writer.WriteNumber("category", (int)Error.Category);
            writer.WriteString("message", Error.Message);
            if (Error.RetryAfter is { } after)
            {
                writer.WriteNumber("retry_after", (long)after.TotalMilliseconds);
            }

            writer.WriteEndObject();
        }

        if (Payload is not null)
        {
            writer.WritePropertyName("payload");
            writer.WriteRawValue(Payload.Utf8.Span, skipInputValidation: true);
        }

        writer.WriteEndObject();
        writer.Flush();
        return buffer.WrittenMemory;
    }

    public static InboxContent Read(ReadOnlyMemory<byte> data)
    {
        using JsonDocument document = JsonDocument.Parse(data, new JsonDocumentOptions { MaxDepth = 512 });
        JsonElement root = document.RootElement;
        return new InboxContent
        {
            Name = TextOf(root, "name"),
            Text = TextOf(root, "text"),
            Revision = root.TryGetProperty("revision", out JsonElement revision) ? revision.GetInt32() : -1,
            By = TextOf(root, "by"),
            Reason = TextOf(root, "reason"),
            Node = root.TryGetProperty("node", out JsonElement node) ? node.GetInt32() : 0,
            Resolution = root.TryGetProperty("resolution", out JsonElement resolution) ? (StepResolution)resolution.GetInt32() : StepResolution.Retry,
            Generation = root.TryGetProperty("generation", out JsonElement generation) ? generation.GetInt32() : 0,
            Round = root.TryGetProperty("round", out JsonElement round) ? round.GetInt64() : 0,
            Position = root.TryGetProperty("position", out JsonElement position) ? position.GetInt32() : 0,
            CostNanoDollars = root.TryGetProperty("cost", out JsonElement cost) ? cost.GetInt64() : 0,
            Error = root.TryGetProperty("error", out JsonElement error) ? ReadError(error) : null,
            Payload = root.TryGetProperty("payload", out JsonElement payload) ? Payload.FromText(payload.GetRawText()) : null,
        };
    }

    private static StepError ReadError(JsonElement error) => new(
        TextOf(error, "code"),
        (ErrorCategory)error.GetProperty("category").GetInt32(),
        TextOf(error, "message"),
        error.TryGetProperty("retry_after", out JsonElement after) ? TimeSpan.FromMilliseconds(after.GetInt64()) : null);

    private static void WriteText(Utf8JsonWriter writer, string name, string value)
    {
        if (value.Length > 0)
        {
            writer.WriteString(name, value);
        }
    }

    private static string TextOf(JsonElement root, string name) => root.TryGetProperty(name, out JsonElement value) ? value.GetString() ?? "" : "";
}
