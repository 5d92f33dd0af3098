using System.Runtime.CompilerServices;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Models.Providers;
using AgentFlow.Models.Text;
using Microsoft.Extensions.AI;

namespace AgentFlow.Models.Local;

/// <summary>
/// The built-in provider <c>local</c>: no key, no network, no model file. It knows nothing but what stands in the chat, and can do three
/// things with it: classify a text like the examples before it, quote an answer from passages, and repeat the structured answer of the
/// example that is most like the text. For anything else it says so.
/// It is deterministic: the same chat gives the same bytes.
/// </summary>
internal sealed class LocalChatClient : IChatClient
{
    /// <summary>The model's name in outputs and telemetry, whatever name was asked for.</summary>
    public const string DefaultModel = "few-shot";

    private readonly TrainedClassifiers _classifiers = new();
    private readonly ExtractiveAnswer _extractor = new();

    public Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        IReadOnlyList<ChatMessage> chat = messages as IReadOnlyList<ChatMessage> ?? [.. messages];
        var schema = AnswerSchema.Of(options);
        string answer = Classify(chat, schema) ?? Extract(chat, schema) ?? Imitate(chat, schema) ?? throw new ModelException(new StepError(
            ModelErrorCodes.RequestRejected,
            ErrorCategory.Validation,
            "The provider 'local' can only classify a text by examples (give the agent 'examples' and an 'output' schema whose label is an enum), " +
            "answer from passages (give it an input with 'passages') and repeat what an example answers (give it 'examples'). Choose another provider for this agent, for example ollama, openai or anthropic."));
        return Task.FromResult(new ChatResponse(new ChatMessage(ChatRole.Assistant, answer))
        {
            ModelId = DefaultModel,
            FinishReason = ChatFinishReason.Stop,
            Usage = new UsageDetails { InputTokenCount = Words.Of(chat[^1].Text).Count, OutputTokenCount = Words.Of(answer).Count },
        });
    }

    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        foreach (var update in (await GetResponseAsync(messages, options, cancellationToken).ConfigureAwait(false)).ToChatResponseUpdates())
            yield return update;
    }

    public object? GetService(Type serviceType, object? serviceKey = null) =>
        serviceKey is not null ? null
        : serviceType == typeof(ChatClientMetadata) ? new ChatClientMetadata(ProviderProfile.LocalName, null, DefaultModel)
        : serviceType.IsInstanceOfType(this) ? this
        : null;

    public void Dispose()
    {
    }

    private string? Classify(IReadOnlyList<ChatMessage> chat, AnswerSchema schema)
    {
        if (schema.LabelProperty is null || _classifiers.For(chat, schema) is not { } classifier)
            return null;
        var (label, confidence) = classifier.Classify(FewShotChat.TextOf(chat[^1].Text));
        return AnswerSchema.Write(json =>
        {
            json.WriteString(schema.LabelProperty, label);
            if (schema.ConfidenceProperty is not null)
                json.WriteNumber(schema.ConfidenceProperty, Math.Round(confidence, 4));
        });
    }

    private string? Imitate(IReadOnlyList<ChatMessage> chat, AnswerSchema schema)
    {
        if (schema.IsFreeText || schema.LabelProperty is not null)
            return null;
        string[] answers = [.. FewShotChat.Answers(chat).Distinct(StringComparer.Ordinal)];
        if (answers.Length <= 1)
            return answers.FirstOrDefault();
        return _classifiers.For(chat, AnswerSchema.OfAnswers(answers))?.Classify(FewShotChat.TextOf(chat[^1].Text)).Label;
    }

    private string? Extract(IReadOnlyList<ChatMessage> chat, AnswerSchema schema)
    {
        if (PassageChat.Read(chat[^1].Text) is not var (question, sources))
            return null;
        var answer = _extractor.Find(question, sources);
        if (schema.IsFreeText)
            return answer.Text.Length == 0 ? "The passages don't answer this." : $"{answer.Text} [{string.Join("] [", answer.Citations)}]";
        if (schema.TextProperty is null)
            return null;
        return AnswerSchema.Write(json =>
        {
            json.WriteString(schema.TextProperty, answer.Text);
            if (schema.ListProperty is not null)
            {
                json.WriteStartArray(schema.ListProperty);
                foreach (string id in answer.Citations)
                    json.WriteStringValue(id);
                json.WriteEndArray();
            }

            if (schema.ConfidenceProperty is not null)
                json.WriteNumber(schema.ConfidenceProperty, answer.Confidence);
        });
    }
}
