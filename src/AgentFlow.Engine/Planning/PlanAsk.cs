using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Planning;

/// <summary>Why a running plan is replaced.</summary>
public enum ReplanReason
{
    /// <summary>A step failed for good.</summary>
    StepFailure,

    /// <summary>A step did not fit into the run's budget.</summary>
    Budget,

    /// <summary>A signal came that the plan did not know of.</summary>
    Event,

    /// <summary>The plan's output did not pass the quality gate.</summary>
    Quality,
}

/// <summary>How a plan is replaced.</summary>
public enum ReplanStrategy
{
    /// <summary>The new plan may use only what the old one used.</summary>
    Conservative,

    /// <summary>The new plan may use everything that is allowed.</summary>
    Adaptive,

    /// <summary>Another model is asked.</summary>
    Escalation,

    /// <summary>Somebody is asked.</summary>
    Human,
}

/// <summary>
/// What a model is asked for a plan with: the input of the asking step, so that the journal holds it. Written and read here alone;
/// members are added only.
/// </summary>
public sealed record PlanAsk(string Goal)
{
    /// <summary>Names of the run's input's members, for placeholders.</summary>
    public IReadOnlyList<string> InputNames { get; init; } = [];

    /// <summary>What is left to spend, in 10⁻⁹ dollars; <see langword="null"/>: no limit.</summary>
    public long? BudgetNanoDollars { get; init; }

    /// <summary>The answer that is to be repaired, and what is wrong with it.</summary>
    public string? Rejected { get; init; }

    public IReadOnlyList<string> Problems { get; init; } = [];

    /// <summary>Which replacement of a plan this is, from 1; 0: the first plan.</summary>
    public int Replan { get; init; }

    public ReplanReason Reason { get; init; }

    public ReplanStrategy Strategy { get; init; }

    /// <summary>What made the old plan end.</summary>
    public StepError? Failure { get; init; }

    /// <summary>The steps of the plan that is replaced.</summary>
    public JsonElement? Old { get; init; }

    /// <summary>Results of its finished steps, by id.</summary>
    public IReadOnlyDictionary<string, JsonElement> Kept { get; init; } = new Dictionary<string, JsonElement>(StringComparer.Ordinal);

    /// <summary>Somebody is asked, not a model.</summary>
    public bool ByHuman { get; init; }

    /// <summary>The skills that the replaced plan used, when the new one may use no others.</summary>
    internal IReadOnlySet<string>? Only =>
        Replan > 0 && Strategy == ReplanStrategy.Conservative && Old is { } old
            ? old.EnumerateArray().Select(s => s.GetProperty("skill").GetString()!).ToHashSet(StringComparer.Ordinal)
            : null;

    internal PlanBounds Bounds => new(BudgetNanoDollars, Kept, Only);

    public static string Word(ReplanReason reason) => reason switch
    {
        ReplanReason.StepFailure => "step_failure",
        ReplanReason.Budget => "budget",
        ReplanReason.Event => "event",
        _ => "quality",
    };

    public static string Word(ReplanStrategy strategy) => strategy switch
    {
        ReplanStrategy.Conservative => "conservative",
        ReplanStrategy.Adaptive => "adaptive",
        ReplanStrategy.Escalation => "escalation",
        _ => "human",
    };

    public ReadOnlyMemory<byte> ToJson()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var w = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            w.WriteStartObject();
            w.WriteString("goal", Goal);
            Texts(w, "input_names", InputNames);
            if (BudgetNanoDollars is { } budget)
            {
                w.WriteNumber("budget_nano_dollars", budget);
            }

            if (Rejected is not null)
            {
                w.WriteString("rejected", Rejected);
                Texts(w, "problems", Problems);
            }

            if (Replan > 0)
            {
                w.WriteNumber("replan", Replan);
                w.WriteString("reason", Word(Reason));
                w.WriteString("strategy", Word(Strategy));
                w.WriteStartObject("failure");
                w.WriteString("code", Failure?.Code);
                w.WriteString("message", Failure?.Message);
                w.WriteEndObject();
                w.WritePropertyName("old");
                Old!.Value.WriteTo(w);
                w.WriteStartObject("kept");
                foreach ((string id, JsonElement output) in Kept)
                {
                    w.WritePropertyName(id);
                    output.WriteTo(w);
                }

                w.WriteEndObject();
            }

            if (ByHuman)
            {
                w.WriteBoolean("by_human", true);
            }

            w.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }

    /// <exception cref="JsonException">It was not written by <see cref="ToJson"/>.</exception>
    public static PlanAsk Of(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 256 });
        JsonElement root = document.RootElement;
        var ask = new PlanAsk(root.GetProperty("goal").GetString()!)
        {
            InputNames = Texts(root, "input_names"),
            BudgetNanoDollars = root.TryGetProperty("budget_nano_dollars", out JsonElement budget) ? budget.GetInt64() : null,
            Rejected = root.TryGetProperty("rejected", out JsonElement rejected) ? rejected.GetString() : null,
            Problems = Texts(root, "problems"),
            ByHuman = root.TryGetProperty("by_human", out _),
        };
        if (!root.TryGetProperty("replan", out JsonElement replan))
        {
            return ask;
        }

        JsonElement failure = root.GetProperty("failure");
        return ask with
        {
            Replan = replan.GetInt32(),
            Reason = Enum.GetValues<ReplanReason>().First(r => root.GetProperty("reason").ValueEquals(Word(r))),
            Strategy = Enum.GetValues<ReplanStrategy>().First(s => root.GetProperty("strategy").ValueEquals(Word(s))),
            Failure = new StepError(failure.GetProperty("code").GetString() ?? "", Contracts.Errors.ErrorCategory.Permanent, failure.GetProperty("message").GetString() ?? ""),
            Old = root.GetProperty("old").Clone(),
            Kept = root.GetProperty("kept").EnumerateObject().ToDictionary(p => p.Name, p => p.Value.Clone(), StringComparer.Ordinal),
        };
    }

    private static void Texts(Utf8JsonWriter w, string name, IReadOnlyList<string> texts)
    {
        w.WriteStartArray(name);
        foreach (string text in texts)
        {
            w.WriteStringValue(text);
        }

        w.WriteEndArray();
    }

    private static string[] Texts(JsonElement root, string name) =>
        root.TryGetProperty(name, out JsonElement texts) ? [.. texts.EnumerateArray().Select(t => t.GetString()!)] : [];
}
