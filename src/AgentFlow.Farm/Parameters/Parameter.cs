using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace AgentFlow.Farm.Parameters;

/// <summary>One thing that a caller may choose: its name, what it takes, and what it is when nobody says.</summary>
public abstract record Parameter<T>(string Name, T Default)
{
    /// <summary>What it takes, for messages: <c>a whole number from 1 to 50</c>.</summary>
    public abstract string Accepts { get; }

    /// <summary>Reads a value. Texts are read in the invariant culture.</summary>
    /// <param name="text"><see langword="null"/> takes the default.</param>
    /// <param name="problem">What is wrong, with the name, the range and the value.</param>
    public bool TryRead(string? text, out T value, [NotNullWhen(false)] out string? problem)
    {
        value = Default;
        problem = text is null || TryParse(text, out value) ? null : $"{Name} is '{(text.Length <= 40 ? text : text[..40] + "…")}'; it takes {Accepts}.";
        return problem is null;
    }

    protected abstract bool TryParse(string text, out T value);
}

/// <summary>A whole number between two bounds, both included.</summary>
public sealed record WholeNumber(string Name, long Least, long Most, long Default) : Parameter<long>(Name, Default)
{
    public override string Accepts => $"a whole number from {Least} to {Most} (default {Default})";

    protected override bool TryParse(string text, out long value) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value) && value >= Least && value <= Most;
}

/// <summary>A number between two bounds, both included.</summary>
public sealed record Fraction(string Name, double Least, double Most, double Default) : Parameter<double>(Name, Default)
{
    public override string Accepts => string.Create(CultureInfo.InvariantCulture, $"a number from {Least} to {Most} (default {Default})");

    protected override bool TryParse(string text, out double value) =>
        double.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out value)
        && value >= Least && value <= Most;
}

/// <summary>One of a few words, in lower case.</summary>
/// <param name="Default"><see langword="null"/>: FARM chooses.</param>
public sealed record Word(string Name, IReadOnlyList<string> Words, string? Default) : Parameter<string?>(Name, Default)
{
    public override string Accepts => $"{string.Join(", ", Words.Take(Words.Count - 1))} or {Words[^1]} (default {Default ?? "by the seed"})";

    protected override bool TryParse(string text, out string? value)
    {
        value = Words.FirstOrDefault(w => w == text);
        return value is not null;
    }
}

/// <summary>True or false.</summary>
public sealed record Switch(string Name, bool Default) : Parameter<bool>(Name, Default)
{
    public override string Accepts => $"true or false (default {(Default ? "true" : "false")})";

    protected override bool TryParse(string text, out bool value) => bool.TryParse(text, out value);
}

/// <summary>A time span: a whole number with its unit, <c>ms</c>, <c>s</c>, <c>m</c> or <c>h</c>.</summary>
public sealed record Duration(string Name, TimeSpan Least, TimeSpan Most, TimeSpan Default) : Parameter<TimeSpan>(Name, Default)
{
    public override string Accepts => $"a time such as 500ms, 30s, 5m or 1h, from {Text(Least)} to {Text(Most)} (default {Text(Default)})";

    protected override bool TryParse(string text, out TimeSpan value)
    {
        int digits = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        long ticks = digits < 1 ? 0 : text[digits..] switch
        {
            "ms" => TimeSpan.TicksPerMillisecond,
            "s" => TimeSpan.TicksPerSecond,
            "m" => TimeSpan.TicksPerMinute,
            "h" => TimeSpan.TicksPerHour,
            _ => 0,
        };
        bool isRead = int.TryParse(text.AsSpan(0, Math.Max(0, digits)), NumberStyles.None, CultureInfo.InvariantCulture, out int count) && ticks > 0;
        value = isRead ? TimeSpan.FromTicks(count * (Int128)ticks > Most.Ticks ? Most.Ticks + 1 : count * ticks) : default;
        return isRead && value >= Least && value <= Most;
    }

    private static string Text(TimeSpan time) => time switch
    {
        { Ticks: 0 } => "0s",
        _ when time.Ticks % TimeSpan.TicksPerHour == 0 => $"{time.Ticks / TimeSpan.TicksPerHour}h",
        _ when time.Ticks % TimeSpan.TicksPerMinute == 0 => $"{time.Ticks / TimeSpan.TicksPerMinute}m",
        _ when time.Ticks % TimeSpan.TicksPerSecond == 0 => $"{time.Ticks / TimeSpan.TicksPerSecond}s",
        _ => $"{time.Ticks / TimeSpan.TicksPerMillisecond}ms",
    };
}
