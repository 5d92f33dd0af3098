using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Json;
using AgentFlow.Contracts.Planning;
using AgentFlow.Contracts.Tools;

namespace AgentFlow.Engine.Planning;

/// <summary>
/// The built-in planner: rules instead of a model, so that equal goals and manifests give byte-identical plans, free of
/// cost. In this order: a goal that begins with <c>analyze</c> becomes fetch, extract, analyse where the manifest has these
/// skills; else the skill whose whole name the goal mentions; else the only skill there is; else <c>skill.llm_invoke</c>.
/// </summary>
public sealed class DeterministicPlanner : IPlanner
{
    private const string Echo = "skill.echo";
    private const string HttpCall = "skill.http_call";
    private const string JsonTransform = "skill.json_transform";
    private const string LlmInvoke = "skill.llm_invoke";

    public string Name => "deterministic";

    public string Version => "1.0.0";

    public Determinism Determinism => Determinism.Full;

    public ValueTask<PlannerResult> PlanAsync(PlanRequest request, CancellationToken cancellationToken) => ValueTask.FromResult(Plan(request));

    /// <summary>Plans at once: nothing is waited for.</summary>
    public PlannerResult Plan(PlanRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (string.IsNullOrWhiteSpace(request.Goal)) return Fail(ErrorCode.PlannerInvalidGoal, "The goal is empty; say in words what is to be reached.");
        if (!SkillManifest.TryRead(request.Manifest, out SkillManifest? manifest, out PlannerError? error)) return new PlannerResult.Error(error);
        if (manifest.Count == 0) return Fail(ErrorCode.PlannerNoSkills, "The manifest is empty; put at least one skill into it.");

        string cacheKey;
        try
        {
            var source = new CacheSource(request.Goal, manifest.ContentHash, Name, Version);
            cacheKey = CanonicalJson.Hash(source, PlanningJson.Default.CacheSource);
        }
        catch (CanonicalJsonException e)
        {
            return Fail(ErrorCode.PlannerInvalidGoal, $"The goal is not a valid text: {e.Message}");
        }

        IReadOnlyList<PlannerStep>? steps = Chain(request.Goal, manifest) ?? Single(request.Goal, manifest);
        return steps is null
            ? Fail(ErrorCode.PlannerNoSkills, $"None of the {manifest.Count} skills serves the goal; name one of them in the goal, or add {LlmInvoke}.")
            : new PlannerResult.Output(new PlannerOutput(
                steps, new PlannerMetadata(Name, Version, Deterministic: true, CostCents: 0, cacheKey)));
    }

    private static PlannerStep[]? Chain(string goal, SkillManifest manifest)
    {
        if (manifest.Find(HttpCall) is null || manifest.Find(JsonTransform) is null || manifest.Find(LlmInvoke) is null) return null;
        if (!GoalWords.FirstIs(goal, "analyze")) return null;
        return
        [
            new PlannerStep("s1", HttpCall, Params(("url", "{{url}}"), ("method", "GET")), Description: "Fetch the data"),
            new PlannerStep(
                "s2", JsonTransform, Params(("data", "{{s1.body}}"), ("operation", "extract"), ("path", "$.data")), ["s1"], Description: "Extract what matters"),
            new PlannerStep("s3", LlmInvoke, Params(("prompt", "Analyze: {{s2.output}}")), ["s2"], Description: "Analyse it"),
        ];
    }

    private static PlannerStep[]? Single(string goal, SkillManifest manifest)
    {
        ManifestSkill[] usable = [.. manifest.Skills.Where(TakesGoal)];
        HashSet<string> mentioned = GoalWords.Mentioned(goal, usable.SelectMany(NameWords));

        // The longest name is the most specific one; the order is stable, so equal ones stay in order of id.
        ManifestSkill? skill = usable
            .Where(s => NameWords(s) is { Length: > 0 } words && words.All(mentioned.Contains))
            .OrderByDescending(s => NameWords(s).Length)
            .FirstOrDefault();
        skill ??= usable.Length == 1 ? usable[0] : usable.FirstOrDefault(s => s.Id == LlmInvoke);
        return skill is null ? null : [new PlannerStep("s1", skill.Id, ParamsOf(skill, goal), Description: $"Call {skill.Id} with the goal")];
    }

    /// <summary>The words of a skill's name: <c>skill.http_call</c> has <c>http</c> and <c>call</c>.</summary>
    private static string[] NameWords(ManifestSkill skill) =>
        GoalWords.Split(skill.Id.StartsWith("skill.", StringComparison.Ordinal) ? skill.Id["skill.".Length..] : skill.Id);

    private static bool TakesGoal(ManifestSkill skill) =>
        skill.Id is Echo or LlmInvoke or HttpCall or JsonTransform || TextParameter(skill.InputSchema) is not null;

    private static JsonElement ParamsOf(ManifestSkill skill, string goal) => skill.Id switch
    {
        Echo => Params(("message", goal)),
        LlmInvoke => Params(("prompt", goal)),
        HttpCall => Params(("url", "{{url}}"), ("method", "GET")),
        JsonTransform => Params(("data", "{{data}}"), ("operation", "extract"), ("path", "$")),
        _ => Params((TextParameter(skill.InputSchema)!, goal)),
    };

    /// <summary>The input's one text that the goal can be; <see langword="null"/> when a text alone does not satisfy the skill.</summary>
    private static string? TextParameter(JsonElement? schema)
    {
        if (schema is not { } declared || !declared.TryGetProperty("properties", out JsonElement properties) || properties.ValueKind != JsonValueKind.Object)
        {
            return "input";
        }

        string[] required = declared.TryGetProperty("required", out JsonElement names) && names.ValueKind == JsonValueKind.Array
            ? [.. names.EnumerateArray().Where(n => n.ValueKind == JsonValueKind.String).Select(n => n.GetString()!)]
            : [];
        string[] texts = [.. properties.EnumerateObject()
            .Where(p => required.Length == 0 || required.Contains(p.Name))
            .Where(p => p.Value.ValueKind == JsonValueKind.Object
                && p.Value.TryGetProperty("type", out JsonElement type) && type.ValueKind == JsonValueKind.String && type.ValueEquals("string"))
            .Select(p => p.Name)];
        return texts.Length == 1 && required.Length <= 1 ? texts[0] : null;
    }

    private static JsonElement Params(params ReadOnlySpan<(string Name, string Value)> members)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            foreach ((string name, string value) in members) writer.WriteString(name, value);
            writer.WriteEndObject();
        }

        return JsonElement.Parse(buffer.WrittenSpan);
    }

    private static PlannerResult.Error Fail(ErrorCode code, string message) => new(PlannerError.Of(code, message));
}

/// <summary>What a cache key is the hash of.</summary>
internal sealed record CacheSource(string Goal, string Manifest, string Planner, string PlannerVersion);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(CacheSource))]
internal sealed partial class PlanningJson : JsonSerializerContext;
