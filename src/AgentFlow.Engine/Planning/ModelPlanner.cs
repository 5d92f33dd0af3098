using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Json;
using AgentFlow.Contracts.Planning;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Ports;
using AgentFlow.Expressions.JsonSchema;

namespace AgentFlow.Engine.Planning;

/// <summary>
/// Has a model make the plan: the same prompt, rules and round of repair as <c>planner: llm</c> of a workflow. Promises nothing about two
/// plans for one request, because no provider does. Nothing runs here: the plan is data.
/// </summary>
/// <param name="name">The planner's name.</param>
/// <param name="provider">Who is asked; <see langword="null"/> leaves it to routing.</param>
public sealed class ModelPlanner(string name, string? provider, IModelInvoker models) : IPlanner
{
    private const int MaxSteps = 50;
    private const int MaxTokens = 4096;

    public string Name => name;

    public string Version => PlanRules.Version;

    public Determinism Determinism => Determinism.None;

    public async ValueTask<PlannerResult> PlanAsync(PlanRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (string.IsNullOrWhiteSpace(request.Goal))
        {
            return Fail(PlannerError.Of(ErrorCode.PlannerInvalidGoal, "The goal is empty; say in words what is to be reached."));
        }

        if (!SkillManifest.TryRead(request.Manifest, out SkillManifest? manifest, out PlannerError? malformed))
        {
            return Fail(malformed);
        }

        if (manifest.Count == 0)
        {
            return Fail(PlannerError.Of(ErrorCode.PlannerNoSkills, "The manifest is empty; put at least one skill into it."));
        }

        string cacheKey;
        try
        {
            cacheKey = CanonicalJson.Hash(new CacheSource(request.Goal, manifest.ContentHash, Name, $"{Version}+{PlanPrompt.BuiltInVersion}"), PlanningJson.Default.CacheSource);
        }
        catch (CanonicalJsonException e)
        {
            return Fail(PlannerError.Of(ErrorCode.PlannerInvalidGoal, $"The goal is not a valid text: {e.Message}"));
        }

        var skills = new List<PlanSkill>();
        foreach (ManifestSkill skill in manifest.Skills)
        {
            JsonSchema? input = null;
            if (skill.InputSchema is { } schema && !JsonSchema.TryCompile(schema, out input, out IReadOnlyList<SchemaError> errors))
            {
                return Fail(PlannerError.Of(ErrorCode.PlannerInvalidManifest, $"The input schema of '{skill.Id}' is not valid: {errors[0]}"));
            }

            skills.Add(new PlanSkill(skill.Id, skill.Description) { InputSchema = skill.InputSchema, Input = input });
        }

        var rules = new PlanRules(skills, MaxSteps);
        return await AskAsync(new PlanAsk(request.Goal), rules, new PlanPrompt(rules), cacheKey, cancellationToken).ConfigureAwait(false);
    }

    private async Task<PlannerResult> AskAsync(PlanAsk ask, PlanRules rules, PlanPrompt prompt, string cacheKey, CancellationToken cancellationToken)
    {
        long cost = 0;
        while (true)
        {
            ModelAnswer answer = await models.InvokeAsync(
                new ModelRequest
                {
                    Provider = provider,
                    System = prompt.System,
                    Messages = [new ModelMessage(ModelRole.User, PlanPrompt.Question(ask))],
                    Temperature = 0,
                    MaxTokens = MaxTokens,
                    ResponseSchema = rules.Schema,
                },
                cancellationToken).ConfigureAwait(false);
            cost += answer.CostNanoDollars;
            if (answer.Error is { } error && (error.Code != ErrorCode.ModelAnswerInvalid.Code || answer.Text.Length == 0))
            {
                return Fail(new PlannerError(error.Code, error.Message, error.Retryable));
            }

            PlanCheck check = rules.Check(answer.Text);
            if (check.IsValid)
            {
                return new PlannerResult.Output(new PlannerOutput(check.Steps, new PlannerMetadata(Name, Version, Deterministic: false, cost / 10_000_000m, cacheKey)));
            }

            if (ask.Rejected is not null)
            {
                JsonElement problems = JsonElement.Parse(new JsonArray([.. check.Problems.Select(p => (JsonNode)p)]).ToJsonString());
                return Fail(PlannerError.Of(ErrorCode.PlanInvalid, $"The model gave no plan that may be followed: {check.Problems[0]}", problems));
            }

            ask = ask with { Rejected = answer.Text, Problems = check.Problems };
        }
    }

    private static PlannerResult.Error Fail(PlannerError error) => new(error);
}
