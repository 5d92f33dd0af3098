using System.Buffers;
using System.Text.Json;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.HumanTasks;

/// <summary>Whom a task is for. Neither: anybody who may work on tasks.</summary>
/// <param name="Role">A role of the tenant.</param>
/// <param name="User">A user's name or id.</param>
public sealed record Assignee(string? Role, string? User)
{
    public static Assignee Anybody { get; } = new(null, null);

    public override string ToString() => User is not null ? $"user {User}" : Role is not null ? $"role {Role}" : "anybody";
}

/// <param name="After">Counted from the task's creation.</param>
public sealed record Escalation(TimeSpan After, Assignee To);

/// <summary>What somebody is to do or to decide, and what time does to it.</summary>
public sealed record HumanTaskOrder
{
    public const int DefaultPriority = 5;

    /// <summary>One line.</summary>
    public required string Title { get; init; }

    public string Description { get; init; } = "";

    /// <summary>What is needed to answer; <see langword="null"/>: nothing.</summary>
    public Payload? Data { get; init; }

    /// <summary>JSON Schema of the answer; <see langword="null"/> takes any.</summary>
    public Payload? Form { get; init; }

    public Assignee To { get; init; } = Assignee.Anybody;

    /// <summary>1, the least urgent, to 10.</summary>
    public int Priority { get; init; } = DefaultPriority;

    /// <summary>From the creation to the end of the task; <see langword="null"/>: it has no end.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>The answer when the time is up; <see langword="null"/>: there is none, and the step fails.</summary>
    public Payload? DefaultAnswer { get; init; }

    /// <summary>By time, the earliest first.</summary>
    public IReadOnlyList<Escalation> Escalations { get; init; } = [];

    public Payload ToPayload()
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using var w = new Utf8JsonWriter(buffer);
        w.WriteStartObject();
        w.WriteString("title", Title);
        if (Description.Length > 0)
        {
            w.WriteString("description", Description);
        }

        Write(w, "data", Data);
        Write(w, "form", Form);
        Write(w, To);
        w.WriteNumber("priority", Priority);
        if (Timeout is { } timeout)
        {
            w.WriteNumber("timeout_ms", (long)timeout.TotalMilliseconds);
        }

        Write(w, "default_answer", DefaultAnswer);
        if (Escalations.Count > 0)
        {
            w.WriteStartArray("escalate");
            foreach (Escalation step in Escalations)
            {
                w.WriteStartObject();
                w.WriteNumber("after_ms", (long)step.After.TotalMilliseconds);
                Write(w, step.To);
                w.WriteEndObject();
            }

            w.WriteEndArray();
        }

        w.WriteEndObject();
        w.Flush();
        return new Payload(buffer.WrittenMemory.ToArray());
    }

    /// <summary>Reads what <see cref="ToPayload"/> has written.</summary>
    public static HumanTaskOrder Read(ReadOnlyMemory<byte> utf8)
    {
        using JsonDocument document = JsonDocument.Parse(utf8, new JsonDocumentOptions { MaxDepth = 512 });
        JsonElement json = document.RootElement;
        return new HumanTaskOrder
        {
            Title = Text(json, "title") ?? "",
            Description = Text(json, "description") ?? "",
            Data = Value(json, "data"),
            Form = Value(json, "form"),
            To = ReadAssignee(json),
            Priority = json.TryGetProperty("priority", out JsonElement priority) ? priority.GetInt32() : DefaultPriority,
            Timeout = Span(json, "timeout_ms"),
            DefaultAnswer = Value(json, "default_answer"),
            Escalations = json.TryGetProperty("escalate", out JsonElement steps)
                ? [.. steps.EnumerateArray().Select(s => new Escalation(Span(s, "after_ms")!.Value, ReadAssignee(s)))]
                : [],
        };
    }

    private static Assignee ReadAssignee(JsonElement json) => new(Text(json, "role"), Text(json, "user"));

    private static void Write(Utf8JsonWriter w, Assignee to)
    {
        if (to.Role is not null)
        {
            w.WriteString("role", to.Role);
        }

        if (to.User is not null)
        {
            w.WriteString("user", to.User);
        }
    }

    private static void Write(Utf8JsonWriter w, string name, Payload? value)
    {
        if (value is not null)
        {
            w.WritePropertyName(name);
            w.WriteRawValue(value.Utf8.Span, skipInputValidation: true);
        }
    }

    private static string? Text(JsonElement json, string name) => json.TryGetProperty(name, out JsonElement value) ? value.GetString() : null;

    private static Payload? Value(JsonElement json, string name) => json.TryGetProperty(name, out JsonElement value) ? Payload.FromText(value.GetRawText()) : null;

    private static TimeSpan? Span(JsonElement json, string name) => json.TryGetProperty(name, out JsonElement value) ? TimeSpan.FromMilliseconds(value.GetInt64()) : null;
}
