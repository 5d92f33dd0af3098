using System.Diagnostics;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Models.Providers;
using Microsoft.Extensions.AI;

namespace AgentFlow.Models;

/// <summary>Asks models through <see cref="ModelProviders"/>: every model call of the product passes here and leaves a span, tokens and a cost.</summary>
public sealed class ModelInvoker(ModelProviders providers) : IModelInvoker
{
    public ValueTask<ModelAnswer> InvokeAsync(ModelRequest request, CancellationToken cancellationToken)
    {
        List<ChatMessage> messages = [.. request.Messages.Select(m => new ChatMessage(m.Role == ModelRole.User ? ChatRole.User : ChatRole.Assistant, m.Text))];
        if (request.System is not null)
            messages.Insert(0, new ChatMessage(ChatRole.System, request.System));
        var options = new ChatOptions
        {
            Temperature = (float?)request.Temperature,
            MaxOutputTokens = request.MaxTokens,
            ResponseFormat = request.ResponseSchema is { } schema ? ChatResponseFormat.ForJsonSchema(schema, "answer") : null,
        };
        return AskAsync(new Target(request.Provider, request.Model, null), messages, options, cancellationToken);
    }

    /// <param name="Provider"><see langword="null"/> leaves the choice to routing.</param>
    /// <param name="Model"><see langword="null"/> takes the provider's default.</param>
    /// <param name="BaseUrl">The agent's own address, which gets no key of the host.</param>
    internal readonly record struct Target(string? Provider, string? Model, Uri? BaseUrl);

    /// <summary>One call. The model in <paramref name="options"/> is set here; a temperature is dropped for models that refuse one.</summary>
    /// <param name="isHeldToFormat">An answer that does not satisfy the response format is an error; otherwise it is given as it came.</param>
    internal async ValueTask<ModelAnswer> AskAsync(
        Target target, IReadOnlyList<ChatMessage> messages, ChatOptions options, CancellationToken cancellationToken, bool isHeldToFormat = true)
    {
        string provider = target.Provider ?? "", model = target.Model ?? "";
        Activity? activity = null;
        try
        {
            ProviderProfile profile = target.Provider is null ? providers.Route() : providers.Profile(target.Provider);
            provider = profile.Name;
            model = target.Model ?? DefaultModel(profile);
            activity = Start(profile, model);
            Uri? baseUrl = providers.BaseUrl(profile, target.BaseUrl);
            Describe(activity, baseUrl, options);

            if (!ModelCatalog.Shared.TakesTemperature(provider, model))
                options.Temperature = null;
            options.ModelId = model;
            options.MaxOutputTokens ??= DefaultMaxTokens;
            activity?.SetTag(ModelTelemetry.RequestMaxTokens, options.MaxOutputTokens);
            // The Anthropic client has no temperature to send: the vendor's API takes none.
            if (options.Temperature is { } temperature && profile.Wire is WireFormat.OpenAi or WireFormat.Ollama)
                activity?.SetTag(ModelTelemetry.RequestTemperature, Math.Round((double)temperature, 4));

            var response = await providers.Client(profile, baseUrl).GetResponseAsync(messages, options, cancellationToken).ConfigureAwait(false);
            return Answer(activity, profile, model, isHeldToFormat ? (options.ResponseFormat as ChatResponseFormatJson)?.Schema : null, response);
        }
        catch (ModelException e)
        {
            activity.Fail(e.Error);
            return new ModelAnswer { Provider = provider, Model = model, Error = e.Error };
        }
        catch (Exception e) when (IsBadAnswer(e))
        {
            var error = ModelException.AnswerInvalid(provider, "is not in the provider's format", e).Error;
            activity.Fail(error);
            return new ModelAnswer { Provider = provider, Model = model, Error = error };
        }
        finally
        {
            activity?.Dispose();
        }
    }

    /// <summary>The bound of an answer where the request has none: a page or two, so that a runaway answer costs little.</summary>
    internal const int DefaultMaxTokens = 1024;

    private string DefaultModel(ProviderProfile profile)
    {
        if (profile.Wire == WireFormat.Local)
            return Local.LocalChatClient.DefaultModel;
        return providers.Options.Account(profile.Name).DefaultModel ?? ModelCatalog.Shared.DefaultModel(profile.Name) ?? throw new ModelException(new StepError(
            ModelErrorCodes.NotFound,
            ErrorCategory.Validation,
            $"No model is named for the provider '{profile.Name}', and it has no default. Name one, or set AF_MODEL_DEFAULT_{profile.Name.ToUpperInvariant()}."));
    }

    private static Activity? Start(ProviderProfile profile, string model)
    {
        var kind = profile.Wire == WireFormat.Local ? ActivityKind.Internal : ActivityKind.Client;
        return ModelTelemetry.Source.StartActivity(kind, name: $"chat {model}", tags:
        [
            new(ModelTelemetry.Operation, "chat"),
            new(ModelTelemetry.Provider, profile.Name),
            new(ModelTelemetry.RequestModel, model),
        ]);
    }

    private void Describe(Activity? activity, Uri? baseUrl, ChatOptions options)
    {
        activity?.SetTag(ModelTelemetry.OutputType, options.ResponseFormat is ChatResponseFormatJson ? "json" : "text");
        if (baseUrl is null)
            return;
        activity?.SetTag(ModelTelemetry.ServerAddress, baseUrl.IdnHost);
        activity?.SetTag(ModelTelemetry.ServerPort, baseUrl.Port);
        if (providers.Options.Residency == Residency.Lenient)
            activity?.SetTag(ModelTelemetry.LeftPremises, !providers.IsOnPremises(baseUrl));
    }

    private static ModelAnswer Answer(Activity? activity, ProviderProfile profile, string model, JsonElement? schema, ChatResponse response)
    {
        long input = response.Usage?.InputTokenCount ?? 0, output = response.Usage?.OutputTokenCount ?? 0, cached = response.Usage?.CachedInputTokenCount ?? 0;
        var price = ModelCatalog.Shared.Price(profile, model);
        long cost = price?.Cost(input, output, cached) ?? 0;
        activity?.SetTag(ModelTelemetry.ResponseId, response.ResponseId);
        activity?.SetTag(ModelTelemetry.ResponseModel, response.ModelId);
        activity?.SetTag(ModelTelemetry.FinishReasons, response.FinishReason is { } reason ? new[] { reason.Value } : null);
        activity?.SetTag(ModelTelemetry.InputTokens, input);
        activity?.SetTag(ModelTelemetry.OutputTokens, output);
        if (cached > 0)
            activity?.SetTag(ModelTelemetry.CachedInputTokens, cached);
        activity?.SetTag(ModelTelemetry.Priced, price is not null);
        if (price is not null)
            activity?.SetTag(ModelTelemetry.CostNanoDollars, cost);

        string text = response.Text;
        StepError? error = response.FinishReason == ChatFinishReason.ContentFilter
            ? new StepError(ModelErrorCodes.Refused, ErrorCategory.Permanent, $"The model '{model}' of '{profile.Name}' declined to answer. Change the request, or route it to a person.")
            : response.FinishReason == ChatFinishReason.Length
                ? ModelException.AnswerInvalid(profile.Name, "was cut off at the limit of tokens. Raise model.max_tokens").Error
                : schema is { } expected && !StructuredAnswer.TryRead(text, expected, out text, out string problem)
                    ? ModelException.AnswerInvalid(profile.Name, problem).Error
                    : null;
        if (error is not null)
            activity.Fail(error);
        return new ModelAnswer
        {
            Text = text,
            Provider = profile.Name,
            Model = response.ModelId ?? model,
            InputTokens = input,
            OutputTokens = output,
            CostNanoDollars = cost,
            Error = error,
        };
    }

    /// <summary>What the Anthropic package throws for an answer that it can't read.</summary>
    private static bool IsBadAnswer(Exception e) =>
        e is JsonException or Anthropic.Exceptions.AnthropicInvalidDataException or KeyNotFoundException or FormatException;
}
