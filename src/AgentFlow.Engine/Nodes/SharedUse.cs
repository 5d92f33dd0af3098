using System.Text.Json;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Nodes;

/// <summary>How a node uses something that the runs of a tenant share by name.</summary>
/// <param name="Name">Computed when the node is entered; must come to a text of 1 to <see cref="MaxName"/> characters.</param>
/// <param name="Size">Permits of a semaphore, parties of a barrier; from 1.</param>
/// <param name="Timeout">Longest wait for a place; <see langword="null"/>: no limit.</param>
public sealed record SharedUse(SharedKind Kind, ValueTemplate Name, int Size, TimeSpan? Timeout = null)
{
    public const int MaxName = 200;

    internal string Word => Kind == SharedKind.Semaphore ? "semaphore" : "barrier";

    /// <returns><see langword="null"/> with the problem when there is no such name.</returns>
    internal string? NameIn(RunVariables variables, out string? problem)
    {
        if (Name.Render(variables, out problem) is not { } value)
        {
            return null;
        }

        var reader = new Utf8JsonReader(value.Utf8.Span);
        reader.Read();
        string? name = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        problem = name is { Length: > 0 and <= MaxName } ? null : $"a name is a text of 1 to {MaxName} characters.";
        return problem is null ? name : null;
    }
}
