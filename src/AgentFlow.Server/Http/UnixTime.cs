namespace AgentFlow.Server.Http;

internal static class UnixTime
{
    private const long LastMillisecond = 253_402_300_799_999;

    /// <summary>The point in time; one beyond the calendar is shown as its last moment.</summary>
    public static DateTimeOffset Of(long unixMilliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(unixMilliseconds, 0, LastMillisecond));
}
