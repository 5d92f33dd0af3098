using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Models.Providers;
using Microsoft.Extensions.AI;

namespace AgentFlow.Models.Agents;

/// <summary>An agent of kind <c>llm</c>: one model call per attempt, its input as the user's message, its answer as the output.</summary>
internal sealed class LlmAgent : ITool
{
    private static readonly JsonElement TextSchema = JsonDocument.Parse(
        """{"type":"object","required":["text"],"properties":{"text":{"type":"string"}}}""").RootElement;

    private readonly ModelInvoker _models;
    private readonly LlmSettings _settings;

    public LlmAgent(AgentDefinition agent, LlmSettings settings, ModelInvoker models)
    {
        _models = models;
        _settings = settings;
        bool isLocal = settings.Provider.Wire == WireFormat.Local;
        Contract = new ToolContract
        {
            Id = "agent." + agent.Id,
            Version = "1.0.0",
            Description = agent.Role.Split('\n', 2)[0].Trim(),
            OutputSchema = settings.OutputSchema ?? TextSchema,
            Permissions = [isLocal ? Grant.None : Permission.NetworkHttp.Name],
            MaxCostNanoDollars = settings.MaxCostNanoDollars(),
            Timeout = TimeSpan.FromSeconds(isLocal ? 30 : 60),
            Effects = isLocal ? Effects.None : Effects.External,
            Determinism = isLocal ? Determinism.Full : Determinism.None,
            Idempotency = Idempotency.Natural,
            ErrorCodes = Errors,
        };
    }

    public ToolContract Contract { get; }

    public ExpectedUse? Use => field ??= _settings.ExpectedUse();

    private static IReadOnlyDictionary<string, string> Errors { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        [ModelErrorCodes.RateLimited] = "The provider limits the rate; retry after the given delay.",
        [ModelErrorCodes.Unavailable] = "The provider can't be reached, is too slow or failed.",
        [ModelErrorCodes.AnswerInvalid] = "The answer is not JSON of the output schema, or was cut off.",
        [ModelErrorCodes.RequestRejected] = "The provider refuses the request.",
        [ModelErrorCodes.NotFound] = "The provider has no such model.",
        [ModelErrorCodes.InputTooLarge] = "The input is longer than model.max_input_tokens.",
        [ModelErrorCodes.Refused] = "The model declined to answer.",
        [ModelErrorCodes.PermissionDenied] = "The provider's key is missing or not accepted, or this host doesn't use the provider.",
        [ModelErrorCodes.ResidencyViolation] = "The residency policy forbids the provider's address.",
    };

    public async ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken)
    {
        int tokens = LlmSettings.Tokens(call.Input.Length);
        if (tokens > _settings.MaxInputTokens)
        {
            return StepOutcome.Failure(
                ModelErrorCodes.InputTooLarge,
                ErrorCategory.Validation,
                $"The input has about {tokens} tokens, {_settings.MaxInputTokens} are allowed. Shorten it, or raise model.max_input_tokens of the agent.");
        }

        ChatMessage[] messages = [.. _settings.Preamble, new ChatMessage(ChatRole.User, UserText(call.Input.Span))];
        var options = new ChatOptions
        {
            Temperature = (float?)_settings.Temperature,
            MaxOutputTokens = _settings.MaxTokens,
            ResponseFormat = _settings.Format is { } schema ? ChatResponseFormat.ForJsonSchema(schema, "answer") : null,
        };
        var target = new ModelInvoker.Target(_settings.Provider.Name, _settings.Model, _settings.BaseUrl);
        var answer = await _models.AskAsync(target, messages, options, cancellationToken, isHeldToFormat: _settings.OutputSchema is not null).ConfigureAwait(false);
        return new StepOutcome
        {
            Output = answer.Error is null ? Output(answer.Text) : default,
            Error = answer.Error,
            CostNanoDollars = answer.CostNanoDollars,
            InputTokens = answer.InputTokens,
            OutputTokens = answer.OutputTokens,
            Provider = answer.Provider,
        };
    }

    /// <summary>A JSON string is said as it is, everything else as JSON: so it has the form of the examples.</summary>
    private static string UserText(ReadOnlySpan<byte> input)
    {
        if (input.TrimStart(" \t\r\n"u8) is [(byte)'"', ..])
        {
            var reader = new Utf8JsonReader(input);
            if (reader.Read() && reader.TokenType == JsonTokenType.String)
                return reader.GetString()!;
        }

        return Encoding.UTF8.GetString(input);
    }

    private byte[] Output(string text)
    {
        if (_settings.OutputSchema is not null)
            return Encoding.UTF8.GetBytes(text);
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, ModelJson.Readable))
        {
            json.WriteStartObject();
            json.WriteString("text", text);
            json.WriteEndObject();
        }

        return buffer.ToArray();
    }
}
