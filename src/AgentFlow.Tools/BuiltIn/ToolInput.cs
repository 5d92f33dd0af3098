using System.Text.Json;
using System.Text.Unicode;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Tools.BuiltIn;

/// <summary>A call's input while it is read: collects every problem, so that one answer names them all.</summary>
internal sealed class ToolInput : IDisposable
{
    private const int MaxProblemsShown = 8;

    // A name that stands twice would make the result depend on who reads it.
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 64 };

    private readonly JsonDocument? _document;
    private readonly List<string> _problems = [];

    private ToolInput(ReadOnlyMemory<byte> utf8)
    {
        try
        {
            if (!Utf8.IsValid(utf8.Span))
                throw new JsonException("it is not UTF-8");
            _document = JsonDocument.Parse(utf8, Strict);
            CheckSurrogates(utf8.Span);
        }
        catch (JsonException e)
        {
            _problems.Add($"input: must be one JSON object: {e.Message}");
        }

        Root = new InputObject(_document?.RootElement ?? default, "input", _problems);
    }

    public InputObject Root { get; }

    /// <summary>The outcome that names every problem found so far; <see langword="null"/> when there is none.</summary>
    public StepOutcome? Refusal =>
        _problems.Count == 0
            ? null
            : StepOutcome.Failure(
                "VALIDATION_FAILED",
                ErrorCategory.Validation,
                string.Join("; ", _problems.Take(MaxProblemsShown)) + (_problems.Count > MaxProblemsShown ? $"; and {_problems.Count - MaxProblemsShown} more" : ""));

    public static ToolInput Parse(ReadOnlyMemory<byte> utf8) => new(utf8);

    public void Dispose() => _document?.Dispose();

    // "\ud800" alone is grammatical JSON that no string can hold: refuse it here, or reading it throws anywhere later.
    private static void CheckSurrogates(ReadOnlySpan<byte> utf8)
    {
        if (utf8.IndexOf("\\u"u8) < 0)
            return;
        var reader = new Utf8JsonReader(utf8);
        while (reader.Read())
        {
            if (!reader.ValueIsEscaped)
                continue;
            try
            {
                _ = reader.GetString();
            }
            catch (InvalidOperationException)
            {
                throw new JsonException($"the text at byte {reader.TokenStartIndex} holds half of a surrogate pair.");
            }
        }
    }
}
