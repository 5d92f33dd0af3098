using System.Text.Json;

namespace AgentFlow.Engine.Ports;

/// <summary>
/// Asks a language model once: one request, one answer, no retries of its own beyond what its provider's protocol demands.
/// Implementations are safe for concurrent calls and never throw for an expected failure: it is <see cref="ModelAnswer.Error"/>.
/// <see cref="OperationCanceledException"/> on the given token means cancelled or timed out.
/// </summary>
public interface IModelInvoker
{
    ValueTask<ModelAnswer> InvokeAsync(ModelRequest request, CancellationToken cancellationToken);
}

public enum ModelRole
{
    User,
    Assistant,
}

public sealed record ModelMessage(ModelRole Role, string Text);

public sealed record ModelRequest
{
    /// <summary>The provider's configured name, for example <c>openai</c>; <see langword="null"/> leaves the choice to routing.</summary>
    public string? Provider { get; init; }

    /// <summary>The provider's name for the model; <see langword="null"/> takes the provider's configured default.</summary>
    public string? Model { get; init; }

    /// <summary>The system prompt; <see langword="null"/> sends none.</summary>
    public string? System { get; init; }

    /// <summary>The conversation, oldest first; never empty.</summary>
    public required IReadOnlyList<ModelMessage> Messages { get; init; }

    /// <summary>0 to 2; <see langword="null"/> takes the provider's default.</summary>
    public double? Temperature { get; init; }

    /// <summary>Upper bound of the answer's tokens; <see langword="null"/> takes the provider's configured default.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>JSON Schema that the answer's text must satisfy as JSON; <see langword="null"/> asks for free text.</summary>
    public JsonElement? ResponseSchema { get; init; }
}

/// <summary>What came of one model call. A failed call may still have cost money: tokens and cost hold in both cases.</summary>
public sealed record ModelAnswer
{
    /// <summary>The answer. Meaningless when <see cref="Error"/> is set.</summary>
    public string Text { get; init; } = "";

    /// <summary>The provider that answered, or that failed last.</summary>
    public string Provider { get; init; } = "";

    /// <summary>The model that answered, as the provider names it.</summary>
    public string Model { get; init; } = "";

    public long InputTokens { get; init; }

    public long OutputTokens { get; init; }

    /// <summary>What the call cost, in 10⁻⁹ dollars.</summary>
    public long CostNanoDollars { get; init; }

    /// <summary>Why there is no answer; <see langword="null"/> when there is one.</summary>
    public StepError? Error { get; init; }
}
