namespace AgentFlow.Expressions.JsonSchema.Formats;

/// <summary>Dates and times of RFC 3339.</summary>
internal static class TimeFormats
{
    public static bool IsDateTime(string text) =>
        text.Length > 11 && text[10] is 'T' or 't' && IsDate(text.AsSpan(0, 10)) && IsTime(text.AsSpan(11));

    public static bool IsDate(ReadOnlySpan<char> text)
    {
        if (text.Length != 10 || text[4] != '-' || text[7] != '-') return false;
        int year = Digits(text[..4]), month = Digits(text[5..7]), day = Digits(text[8..]);
        if (year < 0 || month is < 1 or > 12 || day < 1) return false;
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        return day <= month switch { 2 => leap ? 29 : 28, 4 or 6 or 9 or 11 => 30, _ => 31 };
    }

    public static bool IsTime(ReadOnlySpan<char> text)
    {
        if (text.Length < 9 || text[2] != ':' || text[5] != ':') return false;
        int hour = Digits(text[..2]), minute = Digits(text[3..5]), second = Digits(text[6..8]);
        if (hour is < 0 or > 23 || minute is < 0 or > 59 || second is < 0 or > 60) return false;

        text = text[8..];
        if (text[0] == '.')
        {
            int length = text[1..].IndexOfAnyExceptInRange('0', '9');
            if (length < 1) return false;
            text = text[(1 + length)..];
        }

        if (!Offset(text, out int offset)) return false;

        // A leap second is the last one of a day in UTC.
        return second < 60 || ((hour * 60) + minute - offset + (2 * 1440)) % 1440 == 1439;
    }

    /// <param name="minutes">East of UTC.</param>
    private static bool Offset(ReadOnlySpan<char> text, out int minutes)
    {
        minutes = 0;
        if (text is "Z" or "z") return true;
        if (text.Length != 6 || text[0] is not ('+' or '-') || text[3] != ':') return false;
        int hour = Digits(text[1..3]), minute = Digits(text[4..]);
        if (hour is < 0 or > 23 || minute is < 0 or > 59) return false;
        minutes = ((hour * 60) + minute) * (text[0] == '-' ? -1 : 1);
        return true;
    }

    /// <summary>-1 when it is not all ASCII digits.</summary>
    private static int Digits(ReadOnlySpan<char> text)
    {
        int value = 0;
        foreach (char c in text)
        {
            if (!char.IsAsciiDigit(c)) return -1;
            value = (value * 10) + (c - '0');
        }

        return value;
    }
}
