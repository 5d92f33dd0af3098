using System.Text.Json.Nodes;

namespace AgentFlow.Cli.Inputs;

/// <summary>One row as it stands in a file, before it is fitted to a workflow.</summary>
/// <param name="Number">From 1, header and blank lines not counted.</param>
/// <param name="Line">Where it starts in the file, from 1.</param>
/// <param name="Value">A cell is a text; what came from JSON keeps its type.</param>
internal sealed record InputRow(int Number, int Line, JsonObject Value);

/// <summary>The rows of one file.</summary>
/// <param name="Name">What messages call the file.</param>
/// <param name="IsText">Cells have no types of their own (CSV): the workflow's schema gives them theirs.</param>
/// <param name="IsList">Whether the file can hold many rows; a single JSON object does not.</param>
internal sealed record InputRows(string Name, IReadOnlyList<InputRow> Rows, bool IsText, bool IsList)
{
    /// <summary>Most rows of one file: all are in memory before the first one runs.</summary>
    public const int MaxRows = 200_000;

    /// <summary>What to throw when a file has more.</summary>
    public static InputException TooMany(string name) =>
        new($"{name} has more than {MaxRows:N0} rows. Split it and run the parts one after another.");
}

/// <summary>A file cannot be read as rows. The message names the place and the remedy.</summary>
internal sealed class InputException(string message) : Exception(message);
