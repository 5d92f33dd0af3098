namespace AgentFlow.Client;

/// <summary>Why a run took the way that it took.</summary>
/// <param name="Note">What could not be explained, and why; otherwise <see langword="null"/>.</param>
/// <param name="JournalHash">Hex SHA-256 over what the run did so far: equal for runs that did the same, value for value, whatever ran side by side with what; <see langword="null"/> where the journal cannot be read.</param>
/// <param name="Lines">In order.</param>
public sealed record Explanation(string RunId, string Workflow, string Version, string Status, string? Note, string? JournalHash, IReadOnlyList<ExplanationLine> Lines);

/// <param name="Seq">Sequence of the journal's event.</param>
/// <param name="Path">Structural path of what it is about; empty for the run.</param>
/// <param name="Text">One sentence or two.</param>
/// <param name="Conditions">What was asked for it, in order.</param>
public sealed record ExplanationLine(long Seq, DateTimeOffset At, string Path, string Type, string Text, IReadOnlyList<ExplainedCondition> Conditions);

/// <param name="Value"><c>true</c>, <c>false</c>, or <c>error</c>.</param>
/// <param name="Error">Why it could not be evaluated.</param>
public sealed record ExplainedCondition(string Expression, string Value, string? Error, IReadOnlyList<ExplainedInput> Inputs);

/// <param name="Value">As JSON, cut where it is long; <see langword="null"/> when it was not there.</param>
public sealed record ExplainedInput(string Name, string? Value);
