using System.Globalization;

namespace AgentFlow.Engine.Definitions.Loading.Keys;

/// <summary>Durations as files spell them: <c>200ms</c>, <c>10s</c>, <c>1h30m</c>.</summary>
internal static class DurationText
{
    private static readonly (string Name, long Milliseconds)[] Units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

    /// <summary>Ten years: nothing that runs waits longer.</summary>
    public static TimeSpan Longest { get; } = TimeSpan.FromDays(3_650);

    /// <summary>Whole numbers with units, larger ones first, each unit at most once; <see langword="null"/> for anything else.</summary>
    /// <returns>More than <see cref="Longest"/> where the text means more than can be held.</returns>
    public static TimeSpan? Parse(ReadOnlySpan<char> text)
    {
        if (text.IsEmpty)
        {
            return null;
        }

        double milliseconds = 0;
        int nextUnit = 0;
        while (!text.IsEmpty)
        {
            int digits = text.IndexOfAnyExceptInRange('0', '9') is var end and >= 0 ? end : text.Length;
            ReadOnlySpan<char> rest = text[digits..];
            int letters = rest.IndexOfAnyInRange('0', '9') is var number and >= 0 ? number : rest.Length;
            int unit = -1;
            for (int i = nextUnit; i < Units.Length && unit < 0; i++)
            {
                unit = rest[..letters].SequenceEqual(Units[i].Name) ? i : -1;
            }

            if (digits == 0 || unit < 0)
            {
                return null;
            }

            milliseconds += double.Parse(text[..digits], NumberStyles.None, CultureInfo.InvariantCulture) * Units[unit].Milliseconds;
            nextUnit = unit + 1;
            text = rest[letters..];
        }

        return milliseconds > Longest.TotalMilliseconds ? TimeSpan.MaxValue : TimeSpan.FromMilliseconds(milliseconds);
    }

    /// <summary>The same the other way, to the millisecond.</summary>
    public static string Of(TimeSpan duration)
    {
        long rest = (long)duration.TotalMilliseconds;
        string text = "";
        foreach ((string name, long milliseconds) in Units)
        {
            text += rest >= milliseconds ? $"{rest / milliseconds}{name}" : "";
            rest %= milliseconds;
        }

        return text.Length == 0 ? "0ms" : text;
    }
}
