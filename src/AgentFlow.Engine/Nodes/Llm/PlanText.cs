using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Contracts.Planning;
using AgentFlow.Engine.Planning;

namespace AgentFlow.Engine.Nodes.Llm;

/// <summary>How a step of a plan is written in a workflow file, but for what the plan itself says.</summary>
/// <param name="Key"><c>agent</c> or <c>tool</c>.</param>
/// <param name="Name">Its value.</param>
/// <param name="Version">Version of the contract behind it.</param>
/// <param name="Settings">Further keys of the step; an object.</param>
public sealed record PlanCall(string Key, string Name, string Version, JsonElement Settings, PlanSkill Skill);

/// <summary>Writes a checked plan in the workflow language, so that it is compiled by the very rules that hold for files.</summary>
internal static class PlanText
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = 256 };

    /// <param name="kept">Results that steps may use without being run again: each becomes a step that does nothing.</param>
    public static string Of(IReadOnlyList<PlannerStep> plan, IReadOnlyDictionary<string, JsonElement> kept, IReadOnlyDictionary<string, PlanCall> calls, TimeSpan? limit)
    {
        var skills = plan.ToDictionary(s => s.StepId, s => calls[s.Skill].Skill, StringComparer.Ordinal);
        var steps = new JsonArray();
        foreach ((string id, JsonElement output) in kept)
        {
            steps.Add(new JsonObject { ["id"] = id, ["input"] = Node(PlanPlaceholder.Escape(output)) });
        }

        foreach (PlannerStep step in plan)
        {
            PlanCall call = calls[step.Skill];
            var written = new JsonObject { ["id"] = step.StepId, [call.Key] = call.Name };
            if (step.Description.Length > 0)
            {
                written["description"] = step.Description;
            }

            foreach (JsonProperty setting in call.Settings.EnumerateObject())
            {
                written[setting.Name] = Node(setting.Value);
            }

            written["input"] = Node(PlanPlaceholder.ToTemplate(step.Params, id => skills.GetValueOrDefault(id)));
            string[] dependsOn = [.. step.DependsOn.Concat(Roots(step).Where(kept.ContainsKey)).Distinct(StringComparer.Ordinal)];
            if (dependsOn.Length > 0)
            {
                written["depends_on"] = new JsonArray([.. dependsOn.Select(d => (JsonNode)d)]);
            }

            written["on_error"] = step.OnError == PlannerOnError.Continue ? "continue" : "abort";
            if (step.OnError == PlannerOnError.Retry)
            {
                var retry = written["retry"] as JsonObject ?? [];
                retry["max_attempts"] = step.RetryCount + 1;
                written["retry"] = retry.Parent is null ? retry : retry.DeepClone();
            }

            steps.Add(written);
        }

        var scope = new JsonObject { ["planner"] = "dag" };
        if (limit is { } most)
        {
            scope["timeout"] = string.Create(CultureInfo.InvariantCulture, $"{(long)most.TotalMilliseconds}ms");
        }

        scope["steps"] = steps;
        return scope.ToJsonString(Json);
    }

    private static IEnumerable<string> Roots(PlannerStep step) =>
        PlanPlaceholder.Texts(step.Params).SelectMany(t => PlanPlaceholder.Find(t.Text, out _)).Select(p => p.Root).Distinct(StringComparer.Ordinal);

    private static JsonNode? Node(JsonElement value) => JsonNode.Parse(value.GetRawText(), documentOptions: new JsonDocumentOptions { MaxDepth = 256 });
}
