using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentFlow.Cli.Templates;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Costs;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Models.Providers;
using AgentFlow.Server;
using AgentFlow.Simulation.Rehearsals;

namespace AgentFlow.Cli.Tests.Costs;

/// <summary>
/// A plan whose models are scripted: their use of tokens and time is lognormal with the sigmas below, their answers and failures
/// are drawn, and every run of it goes through the real engine.
/// </summary>
/// <param name="failureRate">Part of the attempts that fail.</param>
internal sealed class ScriptedPlan(string name, WorkflowSource source, double failureRate = 0.04)
{
    /// <summary>Of the logarithm of a call's input tokens; about a quarter more or less.</summary>
    public const double InputSigma = 0.25;

    public const double OutputSigma = 0.35;

    public const double SecondsSigma = 0.4;

    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public string Name => name;

    /// <summary>A shipped template whose agents ask a model with a price.</summary>
    public static ScriptedPlan OfTemplate(string name)
    {
        Template template = TemplateManifest.Read(Path.Combine(Support.Repository.Root, "templates", name));
        WorkflowSource source = WorkflowFiles.Read(template.WorkflowPath).Source!;
        var parameters = new Dictionary<string, string> { ["provider"] = "openai", ["model"] = "gpt-4o-mini" };
        return new ScriptedPlan(name, source with { Yaml = TemplateValues.Apply(template, source.Yaml, parameters).Replace("max_budget: 0.", "max_budget: 90.", StringComparison.Ordinal) });
    }

    /// <summary>A plan made from a seed: a state machine, a graph or a behaviour tree in turn.</summary>
    public static ScriptedPlan Generated(int seed)
    {
        var random = new SeededRandom((ulong)seed * 7919);
        int Below(int limit) => (int)(random.NextUInt64() % (ulong)limit);
        int count = 3 + Below(5);
        string model = Below(2) == 0 ? "gpt-4o-mini" : "gpt-4o";
        var yaml = new StringBuilder();
        yaml.Append(CultureInfo.InvariantCulture, $"language: 1\nname: plan-{seed}\nversion: 1.0.0\ndefaults: {{ retry: {{ max_attempts: 3 }}, timeout: 10m }}\nagents:\n");
        for (int i = 0; i < count; i++)
        {
            yaml.Append(CultureInfo.InvariantCulture, $"  a{i}: {{ kind: llm, role: \"{new string('x', 40 + Below(800))}\", model: {{ provider: openai, model: {model}, max_tokens: {600 + Below(800)} }}, output: {{ type: object, required: [score], properties: {{ score: {{ type: number, minimum: 0, maximum: 1 }} }} }} }}\n");
        }

        switch (seed % 3)
        {
            case 0:
                yaml.Append(CultureInfo.InvariantCulture, $"planner: fsm\ninitial_state: s0\nfinal_states: [s{count - 1}]\nstates:\n");
                for (int i = 0; i < count; i++)
                {
                    // Back again, ahead over one, or on.
                    int target = i > 0 && Below(2) == 0 ? Below(i) : Math.Min(i + 2, count - 1);
                    yaml.Append(CultureInfo.InvariantCulture, $"  s{i}: {{ agent: a{i}, input: {{ n: 1 }}{(i == count - 1 ? "" : $", transitions: [{{ condition: \"output.score < 0.{1 + Below(2)} && steps.s{i}.visits < 4\", target: s{target} }}], on_success: s{i + 1}, on_error: s{count - 1}")} }}\n");
                }

                break;
            case 1:
                yaml.Append("planner: dag\nmax_parallel: 3\nsteps:\n");
                for (int i = 0; i < count; i++)
                {
                    int from = i == 0 ? 0 : Below(i);
                    bool asks = i > 0 && Below(2) == 0;
                    yaml.Append(CultureInfo.InvariantCulture, $"  - {{ id: s{i}, agent: a{i}, input: {{ n: 1 }}, on_error: continue{(i == 0 ? "" : $", depends_on: [s{from}]")}{(asks ? $", condition: \"steps.s{from}.output.score < 0.{7 + Below(3)}\"" : "")} }}\n");
                }

                break;
            default:
                yaml.Append("planner: behavior_tree\nroot:\n  sequence:\n    - parallel:\n");
                for (int i = 0; i < count - 2; i++)
                {
                    yaml.Append(CultureInfo.InvariantCulture, $"        - {{ id: s{i}, agent: a{i}, input: {{ n: 1 }} }}\n");
                }

                yaml.Append(CultureInfo.InvariantCulture, $"      success_policy: 1\n    - selector:\n        - sequence:\n            - {{ id: s{count - 2}, agent: a{count - 2}, input: {{ n: 1 }} }}\n            - condition: output.score < 0.{6 + Below(4)}\n        - {{ repeat: {{ times: 4, until: output.score < 0.7 }}, child: {{ id: s{count - 1}, agent: a{count - 1}, input: {{ n: 1 }} }} }}\n        - {{ tool: skill.echo, input: {{ n: 1 }} }}\n");
                break;
        }

        return new ScriptedPlan($"plan-{seed}", new WorkflowSource(yaml.ToString(), WorkflowAssets.Empty));
    }

    /// <summary>A plan made from a seed whose attempts fail oftener, once or twice for good; what was done is undone, and some failures have remedies: in turn as in <see cref="Generated"/>.</summary>
    public static ScriptedPlan Failing(int seed)
    {
        var random = new SeededRandom((ulong)seed * 104_729);
        int Below(int limit) => (int)(random.NextUInt64() % (ulong)limit);
        int count = 4 + Below(3);
        string model = Below(2) == 0 ? "gpt-4o-mini" : "gpt-4o";
        const string Output = "{ type: object, required: [score], properties: { score: { type: number, minimum: 0, maximum: 1 } } }";
        var yaml = new StringBuilder();
        yaml.Append(CultureInfo.InvariantCulture, $"language: 1\nname: failing-{seed}\nversion: 1.0.0\ndefaults: {{ retry: {{ max_attempts: {1 + Below(2)} }}, timeout: 10m }}\nagents:\n");
        foreach (string agent in Enumerable.Range(0, count).SelectMany(i => new[] { $"a{i}", $"undo{i}" }).Append("helper"))
        {
            yaml.Append(CultureInfo.InvariantCulture, $"  {agent}: {{ kind: llm, role: \"{new string('x', 40 + Below(800))}\", model: {{ provider: openai, model: {model}, max_tokens: {600 + Below(800)} }}, output: {Output} }}\n");
        }

        string Step(int i, string rest = "")
        {
            string undone = Below(3) == 0 ? "" : $", compensate: {{ agent: undo{i}, input: {{ n: 1 }}, retry: {{ max_attempts: 20 }} }}";
            string remedy = Below(3) switch
            {
                0 => ", remedies: [{ on: [MODEL_INPUT_TOO_LARGE], agent: helper, then: accept, timeout: 10m }]",
                1 => ", remedies: [{ on: [MODEL_INPUT_TOO_LARGE], agent: helper, times: 2, timeout: 10m }, { on: [MODEL_UNAVAILABLE], initial: 5s }]",
                _ => "",
            };
            return $"{{ id: s{i}, agent: a{i}, input: {{ n: 1 }}{undone}{remedy}{rest} }}";
        }

        switch (seed % 3)
        {
            case 0:
                yaml.Append(CultureInfo.InvariantCulture, $"planner: fsm\ninitial_state: s0\nfinal_states: [s{count - 1}]\nstates:\n");
                for (int i = 0; i < count; i++)
                {
                    string next = i == count - 1 ? "" : $", on_success: s{i + 1}";
                    yaml.Append(CultureInfo.InvariantCulture, $"  s{i}: {Step(i, next).Replace($"id: s{i}, ", "", StringComparison.Ordinal)}\n");
                }

                break;
            case 1:
                yaml.Append("planner: dag\nmax_parallel: 3\nsteps:\n");
                for (int i = 0; i < count; i++)
                {
                    yaml.Append(CultureInfo.InvariantCulture, $"  - {Step(i, i == 0 ? "" : $", depends_on: [s{Below(i)}]{(Below(4) == 0 ? ", on_error: continue" : "")}")}\n");
                }

                break;
            default:
                yaml.Append("planner: behavior_tree\nroot:\n  sequence:\n    - selector:\n        - sequence:\n");
                for (int i = 0; i < count - 2; i++)
                {
                    yaml.Append(CultureInfo.InvariantCulture, $"            - {Step(i)}\n");
                }

                yaml.Append(CultureInfo.InvariantCulture, $"        - {Step(count - 2)}\n    - {Step(count - 1)}\n");
                break;
        }

        return new ScriptedPlan($"failing-{seed}", new WorkflowSource(yaml.ToString(), WorkflowAssets.Empty), failureRate: 0.1);
    }

    /// <summary>Plays one run.</summary>
    /// <param name="book">Learns from it.</param>
    /// <returns>What it used, and the definition that it followed.</returns>
    public async Task<(CostFold Used, WorkflowDefinition Definition)> PlayAsync(ulong seed, CostBook book)
    {
        // Each plan has a fortune of its own: with one for all, what is unlikely would come to all of them at once.
        var random = new SeededRandom(BitConverter.ToUInt64(SHA256.HashData(Encoding.UTF8.GetBytes($"{name}/{seed}"))));
        var rehearsal = new Rehearsal(Start, seed);
        async ValueTask<StepOutcome> PerformAsync(ITool inner, ToolCall call, CancellationToken cancel)
        {
            if (inner is HumanTaskTool people)
            {
                (StepOutcome handed, (StepOutcome Outcome, TimeSpan After)? end) = people.Imagine(call, (StepOutcome.Success("""{"approved":true}"""u8.ToArray()), TimeSpan.FromMinutes(5 + (Unit(random) * 5))));
                rehearsal.AnswerLater(call, end!.Value.Outcome, end.Value.After);
                return handed;
            }

            if (inner.Use is not { } use)
            {
                return await inner.InvokeAsync(call, cancel);
            }

            await Task.Delay(TimeSpan.FromSeconds(LogNormal(random, 2, SecondsSigma)), rehearsal.Clock, cancel);
            if (Unit(random) < failureRate)
            {
                // What is undone has to be undone in the end.
                return !name.StartsWith("failing-", StringComparison.Ordinal) || call.StepPath.Contains(".compensate#", StringComparison.Ordinal) || Unit(random) < 0.5
                    ? StepOutcome.Failure("MODEL_UNAVAILABLE", ErrorCategory.Transient, "The script wants it so.")
                    : StepOutcome.Failure("MODEL_INPUT_TOO_LARGE", ErrorCategory.Permanent, "The script wants it so.");
            }

            // Not where the prior thinks: input half of it, output three times.
            long input = (long)Math.Ceiling(LogNormal(random, use.InputTokens / 2, InputSigma));
            long output = (long)Math.Ceiling(LogNormal(random, use.OutputTokens * 3, OutputSigma));
            return StepOutcome.Success(Answer(inner.Contract.OutputSchema!.Value, random)) with
            {
                InputTokens = input,
                OutputTokens = output,
                CostNanoDollars = (long)((input * use.InputNanoDollars!.Value) + (output * use.OutputNanoDollars!.Value)),
            };
        }

        using var models = new ModelProviders(new ModelOptions(), rehearsal.Clock);
        await using var host = new OfflineHost(models, rehearsal.Clock, tools => new RehearsedTools(tools, PerformAsync));
        LoadResult loaded = new WorkflowLoader(host.Tools, host.AgentKinds.Select(kind => new RehearsedAgents(kind, PerformAsync))).Load(source);
        WorkflowDefinition definition = loaded.Definition ?? throw new InvalidOperationException(string.Join('\n', loaded.Diagnostics));
        RehearsalReport report = rehearsal.Run(definition, Input(random), new RehearsalOptions());
        Assert.True(report.Ended, $"{name} seed {seed}: {report.State.Status}");
        var fold = new CostFold(definition);
        foreach (var happened in report.Journal)
        {
            fold.Apply(happened, book);
        }

        return (fold, definition);
    }

    private Payload Input(SeededRandom random) => Payload.FromText(name switch
    {
        "support" => """{"message":"Where is my parcel? The tracking number has not moved."}""",
        "content-pipeline" => $$"""{"topic":"How do I treat varroa mites in July?","auto_approve":{{(Unit(random) < 0.5 ? "true" : "false")}}}""",
        "devops-automation" => $$"""{"alert":"Errors since the deploy","service":"shop","healthy_after":{{(Unit(random) < 0.7 ? "true" : "false")}}}""",
        _ => "{}",
    });

    /// <summary>An answer that fits the schema: labels evenly, numbers evenly between their bounds.</summary>
    private static byte[] Answer(JsonElement schema, SeededRandom random)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            foreach (JsonProperty member in schema.GetProperty("properties").EnumerateObject())
            {
                json.WritePropertyName(member.Name);
                if (member.Value.TryGetProperty("enum", out JsonElement labels))
                {
                    // The first label is the usual one.
                    labels[Unit(random) < 0.7 ? 0 : (int)(random.NextUInt64() % (ulong)labels.GetArrayLength())].WriteTo(json);
                }
                else if (member.Value.GetProperty("type").GetString() is "number")
                {
                    json.WriteNumberValue(Math.Round(Unit(random), 4));
                }
                else if (member.Value.GetProperty("type").GetString() is "array")
                {
                    json.WriteStartArray();
                    json.WriteEndArray();
                }
                else
                {
                    json.WriteStringValue("words");
                }
            }

            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static double LogNormal(SeededRandom random, double median, double sigma) =>
        median * Math.Exp(sigma * Math.Sqrt(-2 * Math.Log(1 - Unit(random))) * Math.Cos(2 * Math.PI * Unit(random)));

    private static double Unit(SeededRandom random) => (random.NextUInt64() >> 11) * (1.0 / (1UL << 53));
}
