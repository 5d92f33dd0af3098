using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Planning;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Http;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Plans;

/// <summary>Plans for goals, by the planners of the planner runtime.</summary>
internal sealed class PlanEndpoints(PlannerRegistry planners, IToolRegistry tools, ILogger log)
{
    private const int MaxName = 200;
    private const int MaxGoal = 1_000_000;
    private const string DefaultPlanner = "deterministic";

    private static readonly Action<ILogger, string, Exception?> LogBrokenPlanner =
        LoggerMessage.Define<string>(LogLevel.Error, new EventId(1, "PlannerFailed"), "{Message}");

    /// <summary>What a plan may use when the request says nothing: every tool of this server.</summary>
    private readonly JsonElement _everyTool = Manifest(tools);

    public async Task PlanAsync(HttpContext context, CancellationToken cancellationToken)
    {
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        string goal = body.Text("goal", MaxGoal) ?? "";
        string planner = body.Text("planner", MaxName) ?? DefaultPlanner;
        string? version = body.Text("version", MaxName);
        JsonElement manifest = body.Value("manifest") is { } sent ? JsonElement.Parse(sent.Span) : _everyTool;
        body.End();
        switch (await planners.PlanAsync(new PlanRequest(goal, manifest), planner, version, cancellationToken: cancellationToken).ConfigureAwait(false))
        {
            case PlannerResult.Output { Plan: var plan }:
                byte[] json = plan.ToCanonicalJson();
                context.Response.ContentType = MediaTypes.ForJson(context);
                context.Response.ContentLength = json.Length;
                await context.Response.BodyWriter.WriteAsync(json, cancellationToken).ConfigureAwait(false);
                break;
            case PlannerResult.Error { Reason: var reason, Cause: var cause }:
                if (cause is not null)
                {
                    LogBrokenPlanner(log, reason.Message, cause);
                }

                throw new ProblemException(ErrorCode.Find(reason.Code) ?? ErrorCode.PlannerFailed, reason.Message);
        }
    }

    private static JsonElement Manifest(IToolRegistry tools)
    {
        var skills = new JsonArray();
        foreach (ToolContract contract in tools.Contracts)
        {
            var skill = new JsonObject { ["id"] = contract.Id, ["version"] = contract.Version, ["description"] = contract.Description };
            if (contract.InputSchema is { } schema)
            {
                skill["input_schema"] = JsonNode.Parse(schema.GetRawText());
            }

            skills.Add(skill);
        }

        return JsonElement.Parse(skills.ToJsonString());
    }
}

/// <summary>What to plan.</summary>
internal sealed record PlanBody
{
    /// <summary>What is to be reached, in words.</summary>
    public required string Goal { get; init; }

    /// <summary>The skills at hand: ids, or objects with an <c>id</c> or <c>skill_id</c> and an <c>input_schema</c>. Default: every tool of this server.</summary>
    public JsonElement? Manifest { get; init; }

    /// <summary><c>deterministic</c> (default), <c>llm</c> or <c>claude</c>. The last two ask a model, cost what it costs, and promise no two equal plans.</summary>
    public string? Planner { get; init; }

    /// <summary>The least semantic version, within its major version. Default: the newest.</summary>
    public string? Version { get; init; }
}
