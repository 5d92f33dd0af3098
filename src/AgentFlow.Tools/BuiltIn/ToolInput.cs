using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Tools.BuiltIn;

/// <summary>A call's input while it is read: collects every problem, so that one answer names them all.</summary>
internal sealed class ToolInput : IDisposable
{
    private const int MaxProblemsShown = 8;

    private readonly JsonDocument? _document;
    private readonly List<string> _problems = [];

    private ToolInput(ReadOnlyMemory<byte> utf8)
    {
        try
        {
            _document = StrictJson.Parse(utf8);
        }
        catch (JsonException e)
        {
            _problems.Add($"input: must be one JSON object: {e.Message}");
        }

        Root = new InputObject(Element, "input", _problems);
    }

    /// <summary>The whole input; undefined when it is no JSON.</summary>
    public JsonElement Element => _document?.RootElement ?? default;

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
}
