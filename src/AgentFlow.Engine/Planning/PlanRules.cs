using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Contracts.Json;
using AgentFlow.Contracts.Planning;
using AgentFlow.Contracts.Text;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Secrets;
using AgentFlow.Expressions.JsonSchema;

namespace AgentFlow.Engine.Planning;

/// <summary>
/// What a model's plan has to keep to, and the check that it does: strict JSON of one schema, nothing but the listed skills, steps that
/// wait for each other in no circle, parameters that fit, no more steps and no more money than allowed. Pure, immutable and safe for
/// concurrent use; linear in the length of the answer.
/// </summary>
public sealed class PlanRules
{
    /// <summary>Version of <see cref="Schema"/> and of what <see cref="Check"/> refuses.</summary>
    public const string Version = "1.0.0";

    /// <summary>Longest answer, in UTF-8 bytes; a longer one is not even parsed.</summary>
    public const int MaxAnswerBytes = 256 * 1024;

    /// <summary>Most steps that a plan may be allowed.</summary>
    public const int MostSteps = 200;

    // The first problems are what a model repairs; a hundred more would only cost tokens.
    private const int MaxProblems = 20;
    private const int MaxExcerpt = 60;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 64 };

    private readonly Dictionary<string, PlanSkill> _skills;
    private readonly JsonSchema _schema;

    /// <param name="skills">What a plan may call; each id once.</param>
    /// <param name="maxSteps">From 1 to <see cref="MostSteps"/>.</param>
    public PlanRules(IEnumerable<PlanSkill> skills, int maxSteps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxSteps, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxSteps, MostSteps);
        _skills = skills.ToDictionary(s => s.Id, StringComparer.Ordinal);
        MaxSteps = maxSteps;
        Schema = SchemaOf(_skills.Keys, maxSteps);
        _schema = JsonSchema.TryCompile(Schema, out JsonSchema? compiled, out _) ? compiled : throw new InvalidOperationException("The plan's schema is not valid.");
        ManifestHash = CanonicalJson.Hash(Manifest());
    }

    public int MaxSteps { get; }

    /// <summary>In ordinal order of id.</summary>
    public IEnumerable<PlanSkill> Skills => _skills.Values.OrderBy(s => s.Id, StringComparer.Ordinal);

    /// <summary>JSON Schema of an answer.</summary>
    public JsonElement Schema { get; }

    /// <summary>Hash over the skills, with their descriptions and schemas.</summary>
    public string ManifestHash { get; }

    public PlanSkill? Find(string skill) => _skills.GetValueOrDefault(skill);

    /// <summary>The skills as a model is shown them.</summary>
    public JsonElement Manifest()
    {
        var manifest = new JsonArray();
        foreach (PlanSkill skill in Skills)
        {
            var entry = new JsonObject { ["id"] = skill.Id };
            if (skill.Description.Length > 0)
            {
                entry["description"] = skill.Description;
            }

            if (skill.InputSchema is { } input)
            {
                entry["input_schema"] = JsonNode.Parse(input.GetRawText());
            }

            if (skill.OutputSchema is { } output)
            {
                entry["output_schema"] = JsonNode.Parse(output.GetRawText());
            }

            manifest.Add(entry);
        }

        return JsonElement.Parse(manifest.ToJsonString());
    }

    /// <summary>Reads an answer and says everything that is wrong with it, in words that the model can repair it by.</summary>
    /// <param name="answer">What the model said, exactly.</param>
    public PlanCheck Check(string answer, PlanBounds bounds = default)
    {
        ArgumentNullException.ThrowIfNull(answer);
        int bytes = Encoding.UTF8.GetByteCount(answer);
        if (bytes > MaxAnswerBytes)
        {
            return Wrong($"The answer has {bytes} bytes; a plan has at most {MaxAnswerBytes}.");
        }

        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(answer, Strict);
        }
        catch (JsonException e)
        {
            return Wrong($"The answer is not one JSON object and nothing else (line {e.LineNumber + 1}): write no prose, comment or code fence around it, and each member once.");
        }

        using (document)
        {
            SchemaResult fit = _schema.Validate(document.RootElement);
            if (!fit.Valid)
            {
                return new PlanCheck([], [.. fit.Errors.Take(MaxProblems).Select(e => $"{Place(e.InstanceLocation)}: {Excerpt(e.Message, 300)}")]);
            }

            PlannerStep[] steps = Steps(document.RootElement);
            var problems = new List<string>();
            CheckSteps(steps, bounds, problems);
            return new PlanCheck(problems.Count == 0 ? steps : [], [.. problems.Take(MaxProblems)]);
        }
    }

    /// <summary>The steps of a plan that has been checked.</summary>
    internal static PlannerStep[] Steps(JsonElement plan) =>
    [
        .. plan.GetProperty("steps").EnumerateArray().Select(step => new PlannerStep(
            step.GetProperty("step_id").GetString()!,
            step.GetProperty("skill").GetString()!,
            step.GetProperty("params").Clone(),
            step.TryGetProperty("depends_on", out JsonElement ids) ? [.. ids.EnumerateArray().Select(i => i.GetString()!)] : [],
            step.TryGetProperty("on_error", out JsonElement word) ? OnErrorOf(word.GetString()!) : PlannerOnError.Abort,
            step.TryGetProperty("retry_count", out JsonElement count) ? count.GetInt32() : 3,
            step.TryGetProperty("description", out JsonElement description) ? description.GetString()! : "")),
    ];

    private static PlannerOnError OnErrorOf(string word) => word switch
    {
        "continue" => PlannerOnError.Continue,
        "retry" => PlannerOnError.Retry,
        "compensate" => PlannerOnError.Compensate,
        _ => PlannerOnError.Abort,
    };

    private static JsonElement SchemaOf(IEnumerable<string> skills, int maxSteps) => JsonElement.Parse(
        $$"""
        {
          "type": "object", "additionalProperties": false, "required": ["steps"],
          "properties": {
            "reasoning": { "type": "string", "maxLength": 8000 },
            "steps": {
              "type": "array", "minItems": 1, "maxItems": {{maxSteps.ToString(CultureInfo.InvariantCulture)}},
              "items": {
                "type": "object", "additionalProperties": false, "required": ["step_id", "skill", "params"],
                "properties": {
                  "step_id": { "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,63}$" },
                  "skill": { "type": "string", "enum": [{{string.Join(", ", skills.Order(StringComparer.Ordinal).Select(s => $"\"{JsonEncodedText.Encode(s)}\""))}}] },
                  "params": { "type": "object" },
                  "depends_on": { "type": "array", "items": { "type": "string" }, "maxItems": {{maxSteps.ToString(CultureInfo.InvariantCulture)}}, "uniqueItems": true },
                  "on_error": { "type": "string", "enum": ["abort", "continue", "retry", "compensate"] },
                  "retry_count": { "type": "integer", "minimum": 0, "maximum": 10 },
                  "description": { "type": "string", "maxLength": 1000 }
                }
              }
            }
          }
        }
        """);

    private void CheckSteps(PlannerStep[] steps, PlanBounds bounds, List<string> problems)
    {
        var ordinals = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach ((int i, PlannerStep step) in steps.Index())
        {
            if (!Names.Step.IsMatch(step.StepId) || step.StepId == PlanPlaceholder.Input)
            {
                problems.Add($"steps[{i}].step_id: '{step.StepId}' is a reserved word; write another id, for example s{i + 1}.");
            }
            else if (bounds.Kept?.ContainsKey(step.StepId) is true)
            {
                problems.Add($"steps[{i}].step_id: '{step.StepId}' is done already and its result is kept; use it by {{{{{step.StepId}}}}}, and give new steps new ids.");
            }
            else if (!ordinals.TryAdd(step.StepId, i))
            {
                problems.Add($"steps[{i}].step_id: there are two steps '{step.StepId}'.");
            }

            if (bounds.Only is { } only && !only.Contains(step.Skill))
            {
                problems.Add($"steps[{i}].skill: '{step.Skill}' is not among the skills of the plan that is replaced ({string.Join(", ", only.Order(StringComparer.Ordinal))}).");
            }
        }

        foreach ((int i, PlannerStep step) in steps.Index())
        {
            foreach (string id in step.DependsOn.Where(id => id == step.StepId || !(ordinals.ContainsKey(id) || bounds.Kept?.ContainsKey(id) is true)))
            {
                problems.Add(id == step.StepId ? $"steps[{i}].depends_on: '{id}' waits for itself." : $"steps[{i}].depends_on: there is no step '{Excerpt(id)}'.");
            }
        }

        HashSet<string>?[]? before = problems.Count > 0 ? null : Order(steps, ordinals, problems);
        foreach ((int i, PlannerStep step) in steps.Index())
        {
            CheckParams(i, step, before?[i], bounds, problems);
        }

        long most = steps.Sum(s => _skills[s.Skill].MaxCostNanoDollars * (s.OnError == PlannerOnError.Retry ? s.RetryCount + 1 : 1));
        if (bounds.BudgetNanoDollars is { } left && most > left)
        {
            problems.Add($"The plan may cost up to {DollarText.Of(most)}; {DollarText.Of(Math.Max(0, left))} are left. Use fewer or cheaper steps.");
        }
    }

    /// <summary>For each step the ids that it waits for, directly and through others; reports what waits in a circle.</summary>
    private static HashSet<string>?[] Order(PlannerStep[] steps, Dictionary<string, int> ordinals, List<string> problems)
    {
        var before = new HashSet<string>?[steps.Length];
        int[] left = new int[steps.Length];
        var dependents = steps.Select(_ => new List<int>()).ToArray();
        foreach ((int i, PlannerStep step) in steps.Index())
        {
            foreach (string id in step.DependsOn)
            {
                if (ordinals.TryGetValue(id, out int dependency))
                {
                    dependents[dependency].Add(i);
                    left[i]++;
                }
            }
        }

        var ready = new Queue<int>(Enumerable.Range(0, steps.Length).Where(i => left[i] == 0));
        while (ready.TryDequeue(out int step))
        {
            before[step] = [.. steps[step].DependsOn];
            foreach (string id in steps[step].DependsOn)
            {
                if (ordinals.TryGetValue(id, out int dependency))
                {
                    before[step]!.UnionWith(before[dependency]!);
                }
            }

            foreach (int dependent in dependents[step].Where(d => --left[d] == 0))
            {
                ready.Enqueue(dependent);
            }
        }

        string[] circle = [.. steps.Where((_, i) => before[i] is null).Select(s => s.StepId)];
        if (circle.Length > 0)
        {
            problems.Add($"steps: these wait for each other in a circle, or for one that does: {string.Join(", ", circle.Take(12))}.");
        }

        return before;
    }

    private void CheckParams(int index, PlannerStep step, HashSet<string>? before, PlanBounds bounds, List<string> problems)
    {
        var open = new List<string>();
        foreach ((string pointer, string text) in PlanPlaceholder.Texts(step.Params))
        {
            string place = $"steps[{index}].params{pointer}";
            if (text.Contains(SecretReference.Scheme, StringComparison.OrdinalIgnoreCase))
            {
                problems.Add($"{place}: a plan names no secrets; remove '{SecretReference.Scheme}'.");
            }

            List<PlanPlaceholder> placeholders = PlanPlaceholder.Find(text, out string? broken);
            if (broken is not null)
            {
                problems.Add($"{place}: '{{{{{Excerpt(broken)}}}}}' is not a placeholder; write {{{{s1.field}}}}, {{{{s1.list[0]}}}}, {{{{s1}}}} or {{{{input.field}}}}.");
            }

            if (placeholders.Count > 0 || broken is not null)
            {
                open.Add(pointer);
            }

            foreach (string root in placeholders.Select(p => p.Root).Where(r => r != PlanPlaceholder.Input).Distinct(StringComparer.Ordinal))
            {
                bool isKept = bounds.Kept?.ContainsKey(root) is true;
                if (before is not null && !isKept && !before.Contains(root))
                {
                    problems.Add($"{place}: it uses '{root}', which is neither 'input' nor a step that '{step.StepId}' depends on.");
                }
            }
        }

        if (_skills[step.Skill].Input is not { } schema || problems.Count >= MaxProblems)
        {
            return;
        }

        foreach (SchemaFailure failure in schema.Validate(step.Params).Errors.Where(f => IsCertain(f, open)))
        {
            problems.Add($"steps[{index}].params{failure.InstanceLocation}: {Excerpt(failure.Message, 300)}");
        }
    }

    /// <summary>Whether a failure stays one whatever stands for the placeholders in the end; the rest is checked when the step is about to run.</summary>
    private static bool IsCertain(SchemaFailure failure, List<string> open)
    {
        if (open.Count == 0)
        {
            return true;
        }

        string keyword = failure.KeywordLocation[(failure.KeywordLocation.LastIndexOf('/') + 1)..];
        bool looksIntoValues = failure.KeywordLocation.Split('/').Any(k => k is "anyOf" or "oneOf" or "allOf" or "not" or "if" or "then" or "else" or "dependentSchemas" or "contains" or "unevaluatedProperties" or "unevaluatedItems");
        return !looksIntoValues
            && !open.Exists(o => failure.InstanceLocation == o || failure.InstanceLocation.StartsWith(o + "/", StringComparison.Ordinal))
            && (keyword is "required" or "additionalProperties" or "type" or "minItems" or "maxItems" or "minProperties" or "maxProperties"
                || !open.Exists(o => o.StartsWith(failure.InstanceLocation + "/", StringComparison.Ordinal)));
    }

    private static PlanCheck Wrong(string problem) => new([], [problem]);

    private static string Place(string pointer) => pointer.Length == 0 ? "The answer" : pointer[1..].Replace('/', '.');

    /// <summary>A piece of foreign text that fits into a message: one line, and not long.</summary>
    private static string Excerpt(string text, int most = MaxExcerpt)
    {
        string line = new([.. text.Take(most + 1).Select(c => char.IsControl(c) ? ' ' : c)]);
        return line.Length > most ? line[..most] + "…" : line;
    }
}

/// <summary>What limits one plan besides the rules: it depends on how far the run has come.</summary>
/// <param name="BudgetNanoDollars">What is left; <see langword="null"/> is no limit.</param>
/// <param name="Kept">Results of steps that are done, by id: they can be used and not be planned again.</param>
/// <param name="Only">Skills that this plan may use of those allowed; <see langword="null"/>: all.</param>
public readonly record struct PlanBounds(long? BudgetNanoDollars = null, IReadOnlyDictionary<string, JsonElement>? Kept = null, IReadOnlySet<string>? Only = null);

/// <summary>A plan that keeps to the rules, or why it does not.</summary>
/// <param name="Steps">Empty when there are problems.</param>
/// <param name="Problems">Each with its place, at most twenty.</param>
public sealed record PlanCheck(IReadOnlyList<PlannerStep> Steps, IReadOnlyList<string> Problems)
{
    public bool IsValid => Problems.Count == 0;
}
