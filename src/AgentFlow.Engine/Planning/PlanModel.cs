using System.Buffers;
using System.Diagnostics.Metrics;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Contracts.Json;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Nodes.Llm;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.Planning;

/// <summary>
/// Asks a model for a plan, behind the one door like every other step, or takes a plan that worked before. What it gives is exactly what
/// the model said: whether that is a plan, the run decides. Input: <see cref="PlanAsk"/>. Output:
/// <c>{answer, cached, cache_key, planner, planner_version, template}</c>.
/// </summary>
public sealed class PlanModel : ITool
{
    /// <summary>The planner's name, in plans, metrics and lists of allowed tools.</summary>
    public const string Name = "planner.llm";

    /// <summary>Who answered, when nobody was asked.</summary>
    public const string CacheProvider = "plan-cache";

    private static readonly JsonElement OutputSchema = JsonElement.Parse("""{ "type": "object", "required": ["answer"], "properties": { "answer": { "type": "string" } } }""");

    private static readonly Meter Meter = new("AgentFlow.Engine");
    private static readonly Histogram<double> Seconds = Meter.CreateHistogram<double>("planner_plan_seconds", "s", "Time to an answer of a planner, by planner and result: planned, cached or failed.");
    private static readonly Counter<long> Replans = Meter.CreateCounter<long>("planner_replans_total", description: "Plans that were replaced, by planner, reason and strategy.");

    private readonly ITool _model;
    private readonly PlanPrompt _prompt;
    private readonly PlanCache? _cache;
    private readonly JsonObject _source;

    /// <param name="model">What is asked: takes a text, gives <c>{text}</c>.</param>
    /// <param name="settings">Everything in the workflow that an answer depends on besides the rules and the prompt: the model's settings, policies, limits.</param>
    /// <param name="cache"><see langword="null"/>: the model is always asked.</param>
    public PlanModel(ITool model, PlanRules rules, PlanPrompt prompt, JsonElement settings, PlanCache? cache)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(rules);
        _model = model;
        _prompt = prompt;
        _cache = cache;
        _source = new JsonObject
        {
            ["manifest"] = rules.ManifestHash,
            ["max_steps"] = rules.MaxSteps,
            ["planner_version"] = PlanRules.Version,
            ["settings"] = CanonicalJson.Hash(settings),
            ["template"] = prompt.TemplateVersion,
            ["toggles"] = cache?.Toggles,
        };
        Contract = model.Contract with
        {
            Id = Name,
            Version = PlanRules.Version,
            Description = "Makes a plan.",
            InputSchema = null,
            OutputSchema = OutputSchema,
            Determinism = Determinism.None,
        };
    }

    public ToolContract Contract { get; }

    public IReadOnlyCollection<Secrets.SecretReference> Secrets => _model.Secrets;

    public async ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken)
    {
        var ask = PlanAsk.Of(call.Input);
        string key = KeyOf(call.Tenant, ask);
        long start = TimeProvider.System.GetTimestamp();
        // Only a first question is asked twice: a repair or another plan follows from what happened in its run.
        string? known = ask is { Replan: 0, Rejected: null, ByHuman: false } ? _cache?.Find(key) : null;
        if (known is not null)
        {
            Record(start, "cached");
            return new StepOutcome { Output = Output(known, key, isCached: true), Provider = CacheProvider };
        }

        ReadOnlyMemory<byte> question = JsonSerializer.SerializeToUtf8Bytes(PlanPrompt.Question(ask), StringJson.Default.String);
        StepOutcome outcome = await _model.InvokeAsync(call with { Input = question }, cancellationToken).ConfigureAwait(false);
        Record(start, outcome.Ok ? "planned" : "failed");
        return outcome.Ok ? outcome with { Output = Output(TextOf(outcome.Output), key, isCached: false) } : outcome;
    }

    /// <summary>What the model said, out of the step's output; a plan that somebody else gave stands there itself.</summary>
    internal static string AnswerOf(Payload output)
    {
        using var document = JsonDocument.Parse(output.Utf8, new JsonDocumentOptions { MaxDepth = 256 });
        return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("answer", out JsonElement answer) && answer.ValueKind == JsonValueKind.String
            ? answer.GetString()!
            : output.ToString();
    }

    /// <summary>Keeps what worked, and forgets what did not.</summary>
    internal void Learn(PlanEnd end)
    {
        if (end.Replacement is { } replacement)
        {
            Replans.Add(
                1,
                new KeyValuePair<string, object?>("planner", Name),
                new KeyValuePair<string, object?>("reason", PlanAsk.Word(replacement.Reason)),
                new KeyValuePair<string, object?>("strategy", PlanAsk.Word(replacement.Strategy)));
        }

        if (_cache is null || !end.IsFirst || end.Answer is not { } output)
        {
            return;
        }

        using var document = JsonDocument.Parse(output.Utf8, new JsonDocumentOptions { MaxDepth = 256 });
        if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("cache_key", out JsonElement key))
        {
            return;
        }

        if (end.Succeeded)
        {
            _cache.Put(key.GetString()!, AnswerOf(output));
        }
        else
        {
            _cache.Remove(key.GetString()!);
        }
    }

    /// <summary>The name of a question: equal for equal goals, manifests, policies, templates, planners and toggles of one tenant.</summary>
    internal string KeyOf(string tenant, PlanAsk ask)
    {
        var source = (JsonObject)_source.DeepClone();
        source["tenant"] = tenant;
        source["goal"] = ask.Goal;
        source["input_names"] = new JsonArray([.. ask.InputNames.Select(n => (JsonNode)n)]);
        try
        {
            return CanonicalJson.Hash(JsonElement.Parse(source.ToJsonString()));
        }
        catch (CanonicalJsonException)
        {
            // Half a surrogate pair in the goal: it has no canonical form, and nobody else will ask this.
            return "";
        }
    }

    private byte[] Output(string answer, string key, bool isCached)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var w = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            w.WriteStartObject();
            w.WriteString("answer", answer);
            w.WriteBoolean("cached", isCached);
            if (key.Length > 0)
            {
                w.WriteString("cache_key", key);
            }

            w.WriteString("planner", Name);
            w.WriteString("planner_version", PlanRules.Version);
            w.WriteString("template", _prompt.TemplateVersion);
            w.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static string TextOf(ReadOnlyMemory<byte> output)
    {
        using var document = JsonDocument.Parse(output, new JsonDocumentOptions { MaxDepth = 256 });
        return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("text", out JsonElement text) && text.ValueKind == JsonValueKind.String
            ? text.GetString()!
            : Encoding.UTF8.GetString(output.Span);
    }

    private static void Record(long start, string result) => Seconds.Record(
        TimeProvider.System.GetElapsedTime(start).TotalSeconds,
        new KeyValuePair<string, object?>("planner", Name),
        new KeyValuePair<string, object?>("result", result));
}
