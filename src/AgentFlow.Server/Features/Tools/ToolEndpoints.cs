using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Features.Runs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Tools;

/// <summary>What workflows may call.</summary>
internal sealed class ToolEndpoints(IToolRegistry tools)
{
    public Task ListAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        bool descending = query.Word("sort", "id", "-id") == "-id";
        query.End();
        IReadOnlyList<ToolContract> ordered = descending ? [.. tools.Contracts.Reverse()] : tools.Contracts;
        return Reply.TaggedJsonAsync(context, PageView<ToolView>.Of(ordered, page, descending, static t => t.Id, ToolView.Of), ServerJson.Default.PageViewToolView);
    }

    public Task GetAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        ToolContract contract = tools.Find(id)?.Contract ?? throw new ProblemException(ErrorCode.ToolNotFound, "There is no such tool. GET /api/v1/tools lists them.");
        return Reply.TaggedJsonAsync(context, ToolView.Of(contract), ServerJson.Default.ToolView);
    }
}

/// <summary>The contract of a tool.</summary>
public sealed record ToolView
{
    public required string Id { get; init; }

    /// <summary>Semantic version of the contract.</summary>
    public required string Version { get; init; }

    public required string Description { get; init; }

    /// <summary>JSON Schema; <see langword="null"/> takes any value.</summary>
    public JsonElement? InputSchema { get; init; }

    /// <summary>JSON Schema; <see langword="null"/> promises nothing.</summary>
    public JsonElement? OutputSchema { get; init; }

    public required IReadOnlyList<string> Permissions { get; init; }

    /// <summary><c>none</c> or <c>external</c>.</summary>
    public required Effects Effects { get; init; }

    /// <summary><c>FULL</c>, <c>STRUCTURAL</c> or <c>NONE</c>.</summary>
    public required Determinism Determinism { get; init; }

    /// <summary>What becomes of a call that is made again: <c>key</c>, <c>natural</c>, <c>none</c> or <c>unknown</c>.</summary>
    public required Idempotency Idempotency { get; init; }

    /// <summary>Most that one call may cost.</summary>
    public required decimal MaxCostDollars { get; init; }

    /// <summary>Time limit of one attempt.</summary>
    public required long TimeoutMs { get; init; }

    /// <summary>Codes that a call may fail with, and what they mean.</summary>
    public required IReadOnlyDictionary<string, string> ErrorCodes { get; init; }

    internal static ToolView Of(ToolContract contract) => new()
    {
        Id = contract.Id,
        Version = contract.Version,
        Description = contract.Description,
        InputSchema = contract.InputSchema,
        OutputSchema = contract.OutputSchema,
        Permissions = contract.Permissions,
        Effects = contract.Effects,
        Determinism = contract.Determinism,
        Idempotency = contract.Idempotency,
        MaxCostDollars = Money.Dollars(contract.MaxCostNanoDollars),
        TimeoutMs = (long)contract.Timeout.TotalMilliseconds,
        ErrorCodes = contract.ErrorCodes,
    };
}
