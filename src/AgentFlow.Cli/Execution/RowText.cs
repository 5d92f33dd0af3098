using System.Globalization;
using AgentFlow.Cli.Terminals;

namespace AgentFlow.Cli.Execution;

/// <summary>How figures and words of runs are written for readers.</summary>
internal static class RowText
{
    private const int MessageLength = 48;

    public static string Message(RowResult result) => result.Message is { } message ? Excerpt.Of(message, MessageLength) : "";

    public static string Path(RowResult result) => Path(result.Path);

    public static string Path(IEnumerable<string> path) => string.Join(" → ", path);

    /// <summary>The workflow's own word for the end, else the error, else the status.</summary>
    public static string Outcome(RowResult result) => result.IsCompleted && result.Outcome is { Length: > 0 } outcome ? outcome : result.Error?.Code ?? result.Status;

    public static string Confidence(double? confidence) => confidence is { } value ? value.ToString("0.00", CultureInfo.InvariantCulture) : "";

    public static string Ms(double? ms) => ms is { } value ? value.ToString(value < 10 ? "0.#" : "0", CultureInfo.InvariantCulture) : "";

    /// <summary>Dollars with as many decimals as the amount has, at most nine.</summary>
    public static string Cost(decimal dollars) => "$" + dollars.ToString("0.#########", CultureInfo.InvariantCulture);

    public static Tone ToneOf(string status) => status switch
    {
        "completed" => Tone.Good,
        "failed" or "diverged" or RowResult.Refused => Tone.Bad,
        "cancelled" or "cancelling" or "compensating" or "paused" => Tone.Warning,
        _ => Tone.Plain,
    };
}
