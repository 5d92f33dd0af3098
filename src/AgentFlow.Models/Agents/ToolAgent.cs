using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Secrets;

namespace AgentFlow.Models.Agents;

/// <summary>An agent of kind <c>tool</c>: passes its input on with the fixed fields set.</summary>
internal sealed class ToolAgent : ITool
{
    private readonly ITool _tool;
    private readonly JsonElement? _fixed;
    private readonly SecretPlaces _places;

    public ToolAgent(AgentDefinition agent, ITool tool, JsonElement? fixedInput)
    {
        _tool = tool;
        _fixed = fixedInput;
        _places = fixedInput is { } known ? SecretPlaces.Of(known) : SecretPlaces.None;
        Secrets = [.. _places.References];
        Contract = tool.Contract with
        {
            Id = "agent." + agent.Id,
            Description = agent.Role.Length > 0 ? agent.Role.Split('\n', 2)[0].Trim() : tool.Contract.Description,
            InputSchema = WithoutFixed(tool.Contract.InputSchema, fixedInput),
        };
    }

    public ToolContract Contract { get; }

    public string CalledId => _tool.CalledId;

    public IReadOnlyCollection<SecretReference> Secrets { get; }

    public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken)
    {
        if (_fixed is null)
            return _tool.InvokeAsync(call, cancellationToken);
        JsonNode? input;
        try
        {
            input = JsonNode.Parse(call.Input.Span);
        }
        catch (JsonException)
        {
            input = null;
        }

        if (input is not JsonObject merged)
        {
            return ValueTask.FromResult(StepOutcome.Failure(
                "INPUT_INVALID", ErrorCategory.Validation, $"The agent '{Contract.Id[6..]}' takes an object, because a part of its input is fixed. Give it an object, or {{}}."));
        }

        foreach (var field in _fixed.Value.EnumerateObject())
            merged[field.Name] = JsonNode.Parse(field.Value.GetRawText());
        ReadOnlyMemory<byte> whole = JsonSerializer.SerializeToUtf8Bytes(merged);
        return _tool.InvokeAsync(call with { Input = _places.IsEmpty ? whole : _places.Fill(whole, call.Secrets ?? new Dictionary<SecretReference, string>()) }, cancellationToken);
    }

    /// <summary>The tool's schema as a caller of the agent sees it: fixed fields need not be given.</summary>
    private static JsonElement? WithoutFixed(JsonElement? schema, JsonElement? fixedInput)
    {
        if (schema is not { ValueKind: JsonValueKind.Object } || fixedInput is not { } known)
            return schema;
        var copy = JsonNode.Parse(schema.Value.GetRawText())!.AsObject();
        if (copy["required"] is JsonArray required)
            copy["required"] = new JsonArray([.. required.Where(name => !known.TryGetProperty(name!.GetValue<string>(), out _)).Select(name => name!.DeepClone())]);
        return JsonSerializer.SerializeToElement(copy);
    }
}
