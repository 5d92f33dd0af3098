using System.Globalization;

namespace AgentFlow.Engine.Triggers;

/// <summary>
/// When something is to happen again and again: the five fields of cron (minute, hour, day of month, month, day of week), in a time
/// zone. A day matches when it fits both day fields, or either of them where neither is <c>*</c>. Where clocks go forward, a time that does not
/// exist is the first one that does; where they go back, a fixed time happens once, at its first pass, and <c>*</c> in minutes or hours goes
/// on through both.
/// </summary>
public sealed class CronSchedule
{
    // A day that is in no year (30 February) must end the search; the longest honest gap is that of 29 February around 2100.
    private const int MostDays = 366 * 9;

    // No zone changes by more at once.
    private static readonly TimeSpan MostShift = TimeSpan.FromHours(3);

    private static readonly string[] Months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    private static readonly string[] Days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

    private readonly bool[] _minutes;
    private readonly bool[] _hours;
    private readonly bool[] _days;
    private readonly bool[] _months;
    private readonly bool[] _weekdays;
    private readonly bool _anyDay;
    private readonly bool _anyWeekday;
    private readonly bool _isInterval;

    private CronSchedule(string text, TimeZoneInfo zone, string[] fields, bool[][] sets)
    {
        (Text, Zone) = (text, zone);
        (_minutes, _hours, _days, _months, _weekdays) = (sets[0], sets[1], sets[2], sets[3], sets[4]);
        _weekdays[0] |= _weekdays[7];
        (_anyDay, _anyWeekday) = (fields[2].StartsWith('*'), fields[4].StartsWith('*'));
        _isInterval = fields[0].Contains('*', StringComparison.Ordinal) || fields[1].Contains('*', StringComparison.Ordinal);
    }

    /// <summary>As it was written.</summary>
    public string Text { get; }

    public TimeZoneInfo Zone { get; }

    /// <param name="zone">An IANA name such as <c>Europe/Paris</c>.</param>
    /// <param name="problem">What is wrong, as a sentence.</param>
    public static CronSchedule? TryParse(string text, string zone, out string? problem)
    {
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(zone, out TimeZoneInfo? found))
        {
            problem = $"There is no time zone '{zone}'.";
            return null;
        }

        string[] fields = Expand(text).Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (fields.Length != 5)
        {
            problem = $"A schedule has five fields, not {fields.Length}: minute, hour, day of month, month, day of week.";
            return null;
        }

        (string Name, int Least, int Most, string[] Words, int FirstWord)[] kinds =
            [("minute", 0, 59, [], 0), ("hour", 0, 23, [], 0), ("day of month", 1, 31, [], 0), ("month", 1, 12, Months, 1), ("day of week", 0, 7, Days, 0)];
        var sets = new bool[5][];
        for (int i = 0; i < 5; i++)
        {
            sets[i] = new bool[kinds[i].Most + 1];
            foreach (string part in fields[i].Split(','))
            {
                if (!TryAdd(sets[i], part.ToLowerInvariant(), kinds[i].Least, kinds[i].Most, kinds[i].Words, kinds[i].FirstWord))
                {
                    problem = $"'{part}' is no {kinds[i].Name}: it takes {kinds[i].Least} to {kinds[i].Most}, ranges (a-b), steps (*/n) and lists (a,b).";
                    return null;
                }
            }
        }

        var schedule = new CronSchedule(text, found, fields, sets);
        problem = schedule.NextDay(new DateTime(2024, 1, 1)) is null ? "No such day is in any year." : null;
        return problem is null ? schedule : null;
    }

    /// <summary>The first time strictly after an instant.</summary>
    public DateTimeOffset Next(DateTimeOffset after)
    {
        DateTime local = TimeZoneInfo.ConvertTime(after, Zone).DateTime - MostShift;
        DateTimeOffset? first = null;
        while (true)
        {
            local = NextLocal(local);
            if (first is { } found && local > TimeZoneInfo.ConvertTime(found, Zone).DateTime + MostShift)
            {
                return found;
            }

            foreach (DateTimeOffset instant in Instants(local))
            {
                if (instant > after && (first is null || instant < first))
                {
                    first = instant;
                }
            }
        }
    }

    public override string ToString() => Zone.Id == "UTC" ? Text : $"{Text} {Zone.Id}";

    private IEnumerable<DateTimeOffset> Instants(DateTime local)
    {
        if (Zone.IsInvalidTime(local))
        {
            // The gap's end: the clock shows the moment after it where it would have shown the one before.
            DateTime before = local;
            while (Zone.IsInvalidTime(before))
            {
                before = before.AddMinutes(-1);
            }

            return [new DateTimeOffset(before, Zone.GetUtcOffset(before)).AddMinutes(1)];
        }

        if (!Zone.IsAmbiguousTime(local))
        {
            return [new DateTimeOffset(local, Zone.GetUtcOffset(local))];
        }

        IEnumerable<TimeSpan> offsets = Zone.GetAmbiguousTimeOffsets(local).OrderDescending();
        return (_isInterval ? offsets : offsets.Take(1)).Select(offset => new DateTimeOffset(local, offset));
    }

    private DateTime NextLocal(DateTime after)
    {
        DateTime from = after.AddTicks(-(after.Ticks % TimeSpan.TicksPerMinute)).AddMinutes(1);
        for (DateTime day = from.Date; ;)
        {
            DateTime next = NextDay(day) ?? throw new InvalidOperationException($"'{Text}' never happens.");
            for (DateTime time = next == from.Date ? from : next; time.Date == next; time = _hours[time.Hour] ? time.AddMinutes(1) : time.AddMinutes(60 - time.Minute))
            {
                if (_hours[time.Hour] && _minutes[time.Minute])
                {
                    return time;
                }
            }

            day = next.AddDays(1);
        }
    }

    private DateTime? NextDay(DateTime day)
    {
        for (int i = 0; i < MostDays; i++, day = day.AddDays(1))
        {
            bool fits = _anyDay || _anyWeekday ? _days[day.Day] && _weekdays[(int)day.DayOfWeek] : _days[day.Day] || _weekdays[(int)day.DayOfWeek];
            if (_months[day.Month] && fits)
            {
                return day;
            }
        }

        return null;
    }

    private static bool TryAdd(bool[] set, string part, int least, int most, string[] words, int firstWord)
    {
        string[] stepped = part.Split('/');
        int step = 1;
        if (stepped.Length > 2 || (stepped.Length == 2 && !(int.TryParse(stepped[1], NumberStyles.None, CultureInfo.InvariantCulture, out step) && step >= 1 && step <= most)))
        {
            return false;
        }

        int from = least, to = most;
        if (stepped[0] == "*")
        {
            // Sunday has two numbers, and a step goes through it once.
            to = most == 7 ? 6 : most;
        }
        else
        {
            string[] range = stepped[0].Split('-');
            if (range.Length > 2 || !TryNumber(range[0], words, firstWord, out from) || !TryNumber(range[^1], words, firstWord, out to) || from < least || to > most || from > to)
            {
                return false;
            }

            to = range.Length == 1 && stepped.Length == 2 ? most : to;
        }

        for (int value = from; value <= to; value += step)
        {
            set[value] = true;
        }

        return true;
    }

    private static bool TryNumber(string text, string[] words, int firstWord, out int number)
    {
        int word = Array.IndexOf(words, text);
        number = word + firstWord;
        return word >= 0 || int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    private static string Expand(string text) => text.Trim() switch
    {
        "@hourly" => "0 * * * *",
        "@daily" or "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@yearly" or "@annually" => "0 0 1 1 *",
        var other => other,
    };
}
