namespace AgentFlow.Expressions.Cel.Time;

/// <summary>Time zones by name (<c>Europe/Paris</c>, <c>UTC</c>) or fixed offset (<c>-02:30</c>).</summary>
internal static class CelZone
{
    private const int LongestName = 64;

    /// <summary>Finds how far east of UTC a zone is at an instant.</summary>
    /// <returns>Null on success, otherwise what is wrong with the name.</returns>
    public static string? OffsetAt(string zone, long seconds, out long offset)
    {
        offset = 0;
        if (zone is "UTC" or "Z")
        {
            return null;
        }

        if (CelTime.TryOffset(zone, out var fixedOffset))
        {
            offset = fixedOffset;
            return null;
        }

        if (!IsName(zone) || !TimeZoneInfo.TryFindSystemTimeZoneById(zone, out var found))
        {
            return $"unknown time zone '{(zone.Length > LongestName ? zone[..LongestName] + "…" : zone)}': use an IANA name such as Europe/Paris, or an offset such as +02:00";
        }

        offset = (long)found.GetUtcOffset(DateTime.UnixEpoch.AddTicks(seconds * TimeSpan.TicksPerSecond)).TotalSeconds;
        return null;
    }

    // The name becomes part of a path in the zone database.
    private static bool IsName(string zone)
    {
        if (zone.Length is 0 or > LongestName || !char.IsAsciiLetter(zone[0]))
        {
            return false;
        }

        foreach (var c in zone)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('/' or '_' or '-' or '+'))
            {
                return false;
            }
        }

        return true;
    }
}
