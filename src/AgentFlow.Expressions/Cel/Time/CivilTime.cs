namespace AgentFlow.Expressions.Cel.Time;

/// <summary>An instant as a calendar and a clock show it.</summary>
/// <param name="Year">Proleptic Gregorian; 0 and 10000 occur at the edges of the range, seen from another zone.</param>
/// <param name="Month">1 to 12.</param>
/// <param name="Day">1 to 31.</param>
/// <param name="DayOfYear">0 to 365.</param>
/// <param name="DayOfWeek">0 for Sunday.</param>
internal readonly record struct CivilTime(int Year, int Month, int Day, int DayOfYear, int DayOfWeek, int Hour, int Minute, int Second, int Nanos)
{
    /// <summary>Days are counted from 1970-01-01. The arithmetic counts years from March, so that the leap day comes last.</summary>
    public static CivilTime From(long days, int secondOfDay, int nanos)
    {
        const int daysPer400Years = 146_097;
        var sinceMarch0000 = days + 719_468;
        var era = Math.DivRem(sinceMarch0000, daysPer400Years, out var ofEra);
        if (ofEra < 0)
        {
            era--;
            ofEra += daysPer400Years;
        }

        var yearOfEra = (ofEra - (ofEra / 1460) + (ofEra / 36_524) - (ofEra / 146_096)) / 365;
        var dayFromMarch = (int)(ofEra - ((365 * yearOfEra) + (yearOfEra / 4) - (yearOfEra / 100)));
        var monthFromMarch = ((5 * dayFromMarch) + 2) / 153;
        var day = dayFromMarch - (((153 * monthFromMarch) + 2) / 5) + 1;
        var month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
        var year = (int)(yearOfEra + (era * 400)) + (month <= 2 ? 1 : 0);
        var leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        var dayOfYear = month <= 2 ? dayFromMarch - 306 : dayFromMarch + 59 + (leap ? 1 : 0);
        var dayOfWeek = (int)((((days + 4) % 7) + 7) % 7);
        return new(year, month, day, dayOfYear, dayOfWeek, secondOfDay / 3600, secondOfDay / 60 % 60, secondOfDay % 60, nanos);
    }
}
