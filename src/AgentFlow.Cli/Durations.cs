using System.Globalization;

namespace AgentFlow.Cli;

/// <summary>Times as people type and read them.</summary>
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

    /// <summary><c>50.914s</c>, <c>1m31s</c>, <c>1d2h4s</c>: whole seconds from a minute on.</summary>
    public static string Of(TimeSpan time)
    {
        if (time < TimeSpan.FromMinutes(1))
        {
            return string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.###}s");
        }

        (int Number, char Unit)[] parts = [(time.Days, 'd'), (time.Hours, 'h'), (time.Minutes, 'm'), (time.Seconds, 's')];
        return string.Concat(parts.Where(p => p.Number > 0).Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Number}{p.Unit}")));
    }
}
