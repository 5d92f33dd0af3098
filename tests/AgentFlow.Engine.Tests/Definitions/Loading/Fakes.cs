using System.Text.Json;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Tests.Definitions.Loading;

internal sealed class FakeTool(string id, Effects effects = Effects.External, params string[] permissions) : ITool
{
    public string? Input { get; init; }

    public string? Output { get; init; }

    public Idempotency Idempotency { get; init; } = Idempotency.Key;

    public ToolContract Contract => field ??= new()
    {
        Id = id,
        Version = "1.0.0",
        Effects = effects,
        Idempotency = Idempotency,
        Permissions = permissions.Length > 0 ? permissions : ["none"],
        InputSchema = Input is null ? null : JsonElement.Parse(Input),
        OutputSchema = Output is null ? null : JsonElement.Parse(Output),
    };

    public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken) => new(StepOutcome.Success(call.Input));
}

internal sealed class FakeTools(params ITool[] tools) : IToolRegistry
{
    public ITool? Find(string id) => tools.FirstOrDefault(t => t.Contract.Id == id);

    public IReadOnlyList<ToolContract> Contracts { get; } = [.. tools.Select(t => t.Contract).OrderBy(c => c.Id, StringComparer.Ordinal)];
}

/// <summary>A <c>model</c> needs <c>model.model</c>; a <c>source</c> has to be among the assets; <c>needs</c> become the contract's permissions.</summary>
internal sealed class FakeKind(string kind) : IAgentKind
{
    public string Kind => kind;

    public IReadOnlyList<AgentProblem> Check(AgentDefinition agent, WorkflowAssets assets)
    {
        var problems = new List<AgentProblem>();
        if (agent.Settings.TryGetProperty("model", out var model) && (model.ValueKind != JsonValueKind.Object || !model.TryGetProperty("model", out _)))
        {
            problems.Add(new AgentProblem("model.model", "The model has no name.", "Add 'model'."));
        }

        if (agent.Settings.TryGetProperty("needs", out var needs) && (needs.ValueKind != JsonValueKind.Array || needs.EnumerateArray().Any(n => n.ValueKind != JsonValueKind.String)))
        {
            problems.Add(new AgentProblem("needs", "'needs' is no list of texts.", "Write a list."));
        }

        if (agent.Settings.TryGetProperty("source", out var source) && (source.ValueKind != JsonValueKind.String || !assets.Under(source.GetString()!).Any()))
        {
            problems.Add(new AgentProblem("source", $"There is no asset '{source}'.", "List it under 'assets'."));
        }

        if (kind == "custom" && AgentIdempotency.Check(agent) is { } unsaid)
        {
            problems.Add(unsaid);
        }

        return problems;
    }

    public ITool Compile(AgentDefinition agent, WorkflowAssets assets) => new FakeTool(
        $"agent.{agent.Id}",
        Effects.External,
        agent.Settings.TryGetProperty("needs", out var needs) ? [.. needs.EnumerateArray().Select(n => n.GetString()!)] : [])
    {
        Idempotency = kind == "custom" ? AgentIdempotency.Of(agent, Idempotency.Unknown) : Idempotency.Key,
    };
}

/// <summary>A loader over a handful of fakes.</summary>
internal static class Loading
{
    public static WorkflowLoader Loader { get; } = new(
        new FakeTools(
            new FakeTool("skill.echo", Effects.None),
            new FakeTool("skill.http_call", Effects.External, "network.http"),
            new FakeTool("skill.query", Effects.External, "db.read", "db.write"),
            new FakeTool("skill.charge") { Idempotency = Idempotency.None },
            new FakeTool("skill.mail") { Idempotency = Idempotency.Unknown },
            new FakeTool("skill.search") { Idempotency = Idempotency.Natural },
            new FakeTool("skill.strict", Effects.None)
            {
                Input = """{ "type": "object", "required": ["n"], "properties": { "n": { "type": "integer" }, "list": { "items": { "type": "string" } } }, "additionalProperties": false }""",
                Output = """{ "type": "string" }""",
            },
            new FakeTool("skill.broken", Effects.None) { Input = """{ "type": "strin" }""" }),
        [new FakeKind("llm"), new FakeKind("rag"), new FakeKind("http"), new FakeKind("custom"), new AgentFlow.Engine.HumanTasks.HumanAgentKind(new AgentFlow.Engine.HumanTasks.HumanTaskDesk(null!, null!, TimeProvider.System))]);

    public static LoadResult Load(string yaml, params (string Path, string Content)[] assets) =>
        Loader.Load(new WorkflowSource(yaml, new WorkflowAssets(assets.ToDictionary(a => a.Path, a => (ReadOnlyMemory<byte>)System.Text.Encoding.UTF8.GetBytes(a.Content)))));

    /// <summary>The definition of a file that has to be right.</summary>
    public static WorkflowDefinition Definition(string yaml)
    {
        LoadResult result = Load(yaml);
        Assert.Empty(result.Diagnostics);
        return result.Definition!;
    }
}
