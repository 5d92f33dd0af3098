using System.Globalization;

namespace AgentFlow.Cli;

/// <summary>Times as people type them.</summary>
internal static class Durations
{
    /// <summary>Reads <c>500ms</c>, <c>30s</c>, <c>5m</c>, <c>2h</c> or <c>1d</c>.</summary>
    /// <exception cref="CliException">It is none.</exception>
    public static TimeSpan Parse(string text, string option)
    {
        (string unit, double seconds) = text switch
        {
            _ when text.EndsWith("ms", StringComparison.Ordinal) => ("ms", 0.001),
            _ when text.EndsWith('s') => ("s", 1),
            _ when text.EndsWith('m') => ("m", 60),
            _ when text.EndsWith('h') => ("h", 3600),
            _ when text.EndsWith('d') => ("d", 86_400),
            _ => ("", 0.0),
        };
        return seconds > 0 && double.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number) && number * seconds is > 0 and < 1e8
            ? TimeSpan.FromSeconds(number * seconds)
            : throw CliException.Usage($"{option} is '{text}': give a duration such as 30s, 5m or 2h.");
    }
}
