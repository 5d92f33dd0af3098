using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Tools.BuiltIn;

/// <summary>Asks a language model through <see cref="IModelInvoker"/>, which knows providers, routing and prices.</summary>
internal sealed class LlmInvokeTool(IModelInvoker models, ExecutionProfile profile, TimeProvider time) : ITool
{
    private const int MaxTokens = 1_000_000;

    private static readonly ToolContract Promise = LlmInvokeContract.Create();

    public ToolContract Contract => Promise;

    public static ToolDefinition Define(IModelInvoker models, TimeProvider time) =>
        new(Promise, profile => new LlmInvokeTool(models, profile, time));

    public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken)
    {
        if (Read(call, out StepOutcome? refusal) is not { } request)
            return new(refusal!);
        return TimeLimit.RunAsync(
            time,
            profile.TimeLimit,
            call.Deadline,
            async (_, token) => Outcome(request, await models.InvokeAsync(request, token).ConfigureAwait(false)),
            cancellationToken);
    }

    private static ModelRequest? Read(in ToolCall call, out StepOutcome? refusal)
    {
        using ToolInput input = ToolInput.Parse(call.Input);
        InputObject root = input.Root;
        root.Only("prompt", "system", "model", "max_tokens", "response_schema");
        string? prompt = root.Text("prompt", required: true);
        if (prompt is not null && string.IsNullOrWhiteSpace(prompt))
            root.Refuse("prompt", "must not be blank");
        InputObject model = root.Object("model");
        model.Only("provider", "model", "temperature");
        JsonElement? schema = root.Any("response_schema");
        if (schema is not null and not { ValueKind: JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False })
            root.Refuse("response_schema", "must be a JSON Schema: an object, true or false");
        var request = new ModelRequest
        {
            Provider = Name(model, "provider"),
            Model = Name(model, "model"),
            System = root.Text("system"),
            Messages = [new ModelMessage(ModelRole.User, prompt ?? "")],
            Temperature = model.Number("temperature", 0, 2),
            MaxTokens = root.Integer("max_tokens", 1, MaxTokens),
            ResponseSchema = schema?.Clone(),
        };
        refusal = input.Refusal;
        return refusal is null ? request : null;
    }

    private static string? Name(InputObject model, string field)
    {
        string? name = model.Text(field);
        if (name is { Length: 0 })
            model.Refuse(field, "must not be empty: leave it out for the default");
        return name;
    }

    private static StepOutcome Outcome(ModelRequest request, ModelAnswer answer)
    {
        StepError? error = answer.Error;
        ReadOnlyMemory<byte> output = error is null ? Write(request, answer, out error) : default;
        return new StepOutcome
        {
            Output = output,
            Error = error,
            CostNanoDollars = answer.CostNanoDollars,
            InputTokens = answer.InputTokens,
            OutputTokens = answer.OutputTokens,
            Provider = answer.Provider.Length == 0 ? null : answer.Provider,
        };
    }

    private static ReadOnlyMemory<byte> Write(ModelRequest request, ModelAnswer answer, out StepError? error)
    {
        error = null;
        using var output = new JsonOutput();
        Utf8JsonWriter writer = output.Writer;
        writer.WriteStartObject();
        writer.WriteString("text", answer.Text);
        if (request.ResponseSchema is not null)
        {
            try
            {
                // One level is the output's own.
                using JsonDocument json = StrictJson.Parse(Encoding.UTF8.GetBytes(answer.Text), StrictJson.MaxDepth - 4);
                writer.WritePropertyName("json");
                json.WriteTo(writer);
            }
            catch (JsonException e)
            {
                error = new StepError(
                    "MODEL_ANSWER_INVALID",
                    ErrorCategory.Transient,
                    $"response_schema asks for JSON and {answer.Provider}/{answer.Model} answered otherwise ({e.Message}): try again, or choose a model with structured output");
                return default;
            }
        }

        writer.WriteString("provider", answer.Provider);
        writer.WriteString("model", answer.Model);
        writer.WriteNumber("input_tokens", answer.InputTokens);
        writer.WriteNumber("output_tokens", answer.OutputTokens);
        writer.WriteEndObject();
        return output.Success().Output;
    }
}
