using System.Globalization;

namespace AgentFlow.Expressions.Cel.Time;

/// <summary>Timestamps as RFC 3339 text and as calendar fields, over the whole range of the language: years 0001 to 9999.</summary>
internal static class CelTime
{
    public const long MinSeconds = -62_135_596_800;
    public const long MaxSeconds = 253_402_300_799;
    public const int NanosPerSecond = 1_000_000_000;
    public const long SecondsPerDay = 86_400;

    /// <summary>Builds a timestamp from any seconds and nanoseconds; false outside the range.</summary>
    public static bool TryCreate(long seconds, int nanos, out CelValue timestamp)
    {
        if (seconds is < MinSeconds or > MaxSeconds)
        {
            timestamp = default;
            return false;
        }

        timestamp = CelValue.Timestamp(seconds, nanos);
        return true;
    }

    /// <summary>Adds nanoseconds to a timestamp; false when the sum leaves the range.</summary>
    public static bool TryAdd(in CelValue timestamp, Int128 nanoseconds, out CelValue sum)
    {
        var total = ((Int128)timestamp.RawBits * NanosPerSecond) + timestamp.RawNanos + nanoseconds;
        var seconds = total / NanosPerSecond;
        var rest = (int)(total - (seconds * NanosPerSecond));
        if (rest < 0)
        {
            seconds--;
            rest += NanosPerSecond;
        }

        return TryCreate((long)seconds, rest, out sum);
    }

    /// <summary>Reads RFC 3339: <c>2009-02-13T23:31:30.5+01:00</c>. Digits beyond the ninth of a fraction are dropped.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out CelValue timestamp)
    {
        timestamp = default;
        if (text.Length < 20
            || !TryDigits(text[..4], out var year) || text[4] != '-'
            || !TryDigits(text[5..7], out var month) || text[7] != '-'
            || !TryDigits(text[8..10], out var day) || text[10] is not ('T' or 't')
            || !TryDigits(text[11..13], out var hour) || text[13] != ':'
            || !TryDigits(text[14..16], out var minute) || text[16] != ':'
            || !TryDigits(text[17..19], out var second))
        {
            return false;
        }

        if (year < 1 || month is < 1 or > 12 || day < 1 || day > DateTime.DaysInMonth(year, month) || hour > 23 || minute > 59 || second > 59)
        {
            return false;
        }

        var rest = text[19..];
        var nanos = 0;
        if (rest[0] == '.')
        {
            var digits = rest[1..].IndexOfAnyExceptInRange('0', '9');
            if (digits <= 0)
            {
                return false;
            }

            for (var i = 0; i < 9; i++)
            {
                nanos = (nanos * 10) + (i < digits ? rest[1 + i] - '0' : 0);
            }

            rest = rest[(digits + 1)..];
        }

        int offset;
        if (rest is "Z" or "z")
        {
            offset = 0;
        }
        else if (rest.Length != 6 || !TryOffset(rest, out offset))
        {
            return false;
        }

        var days = new DateOnly(year, month, day).DayNumber - new DateOnly(1970, 1, 1).DayNumber;
        return TryCreate((days * SecondsPerDay) + (hour * 3600) + (minute * 60) + second - offset, nanos, out timestamp);
    }

    /// <summary>Reads <c>+HH:MM</c>, <c>-HH:MM</c> or <c>HH:MM</c> as seconds east of UTC.</summary>
    public static bool TryOffset(ReadOnlySpan<char> text, out int seconds)
    {
        seconds = 0;
        var negative = text.Length > 0 && text[0] == '-';
        var digits = text.Length > 0 && text[0] is '+' or '-' ? text[1..] : text;
        if (digits.Length != 5 || digits[2] != ':'
            || !TryDigits(digits[..2], out var hours) || !TryDigits(digits[3..], out var minutes) || hours > 23 || minutes > 59)
        {
            return false;
        }

        seconds = ((hours * 3600) + (minutes * 60)) * (negative ? -1 : 1);
        return true;
    }

    /// <summary>Writes RFC 3339 in UTC.</summary>
    /// <param name="grouped">True for 0, 3, 6 or 9 digits of fraction, as protocol buffer JSON has it; false for as many as needed.</param>
    public static string Format(long seconds, int nanos, bool grouped = false)
    {
        var date = DateTime.UnixEpoch.AddTicks(seconds * TimeSpan.TicksPerSecond);
        return date.ToString("yyyy-MM-ddTHH:mm:ss", CultureInfo.InvariantCulture) + Fraction(nanos, grouped) + "Z";
    }

    /// <summary>The calendar fields of an instant, seen at an offset. Unlike <see cref="DateTime"/> it may look just outside the range.</summary>
    public static CivilTime ToCivil(long seconds, int nanos, long offsetSeconds)
    {
        var local = seconds + offsetSeconds;
        var days = Math.DivRem(local, SecondsPerDay, out var ofDay);
        if (ofDay < 0)
        {
            days--;
            ofDay += SecondsPerDay;
        }

        return CivilTime.From(days, (int)ofDay, nanos);
    }

    internal static string Fraction(int nanos, bool grouped)
    {
        if (nanos == 0)
        {
            return "";
        }

        var digits = nanos.ToString("D9", CultureInfo.InvariantCulture);
        if (grouped)
        {
            return "." + (nanos % 1_000_000 == 0 ? digits[..3] : nanos % 1_000 == 0 ? digits[..6] : digits);
        }

        return "." + digits.TrimEnd('0');
    }

    private static bool TryDigits(ReadOnlySpan<char> text, out int value)
    {
        value = 0;
        foreach (var c in text)
        {
            if (!char.IsAsciiDigit(c))
            {
                return false;
            }

            value = (value * 10) + (c - '0');
        }

        return true;
    }
}
