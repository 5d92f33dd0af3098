using System.Globalization;
using AgentFlow.Engine.Triggers;

namespace AgentFlow.Engine.Tests.Triggers;

public class CronScheduleTests
{
    private static CronSchedule Parse(string text, string zone = "UTC")
    {
        CronSchedule? schedule = CronSchedule.TryParse(text, zone, out string? problem);
        Assert.True(schedule is not null, problem);
        return schedule;
    }

    private static DateTimeOffset Time(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);

    [Theory]
    [InlineData("* * * * *", "2026-03-04T10:15:30Z", "2026-03-04T10:16:00Z")]
    [InlineData("* * * * *", "2026-03-04T10:15:00Z", "2026-03-04T10:16:00Z")]
    [InlineData("*/15 * * * *", "2026-03-04T10:46:00Z", "2026-03-04T11:00:00Z")]
    [InlineData("5/20 9-10 * * *", "2026-03-04T09:45:00Z", "2026-03-04T10:05:00Z")]
    [InlineData("0 2 * * *", "2026-12-31T02:00:00Z", "2027-01-01T02:00:00Z")]
    [InlineData("30 8 * * mon-fri", "2026-03-06T09:00:00Z", "2026-03-09T08:30:00Z")]
    [InlineData("0 0 * * 7", "2026-03-04T00:00:00Z", "2026-03-08T00:00:00Z")]
    [InlineData("0 0 31 * *", "2026-04-01T00:00:00Z", "2026-05-31T00:00:00Z")]
    [InlineData("0 0 29 2 *", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z")]
    [InlineData("0 0 29 2 *", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z")]
    [InlineData("0 0 13 * FRI", "2026-03-04T00:00:00Z", "2026-03-06T00:00:00Z")]
    [InlineData("0 0 1,15 JAN,JUL *", "2026-01-15T00:00:00Z", "2026-07-01T00:00:00Z")]
    [InlineData("@monthly", "2026-01-15T00:00:00Z", "2026-02-01T00:00:00Z")]
    public void Next_InUtc_IsTheFirstAfter(string text, string after, string expected) => Assert.Equal(Time(expected), Parse(text).Next(Time(after)));

    [Theory]
    // Forward on 29 March 2026: 02:00 to 03:00 do not exist in Berlin.
    [InlineData("30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z")]
    [InlineData("30 2 * * *", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z")]
    [InlineData("*/30 * * * *", "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z")]
    [InlineData("*/30 * * * *", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z")]
    // Back on 25 October 2026: 02:00 to 03:00 come twice.
    [InlineData("30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z")]
    [InlineData("30 2 * * *", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z")]
    [InlineData("*/30 * * * *", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z")]
    [InlineData("30 * * * *", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z")]
    public void Next_WhereClocksChange_NeitherSkipsNorRepeats(string text, string after, string expected) => Assert.Equal(Time(expected), Parse(text, "Europe/Berlin").Next(Time(after)));

    [Fact]
    public void Next_OfEveryHalfHour_IsEvenThroughAYear()
    {
        CronSchedule schedule = Parse("*/30 * * * *", "America/New_York");
        DateTimeOffset at = Time("2026-01-01T00:00:00Z");
        for (int i = 0; i < 365 * 48; i++)
        {
            DateTimeOffset next = schedule.Next(at);
            Assert.Equal(at.AddMinutes(30), next);
            at = next;
        }
    }

    [Fact]
    public void Next_OfOnceADay_IsOncePerDayThroughAYear()
    {
        CronSchedule schedule = Parse("15 2 * * *", "Europe/Berlin");
        DateTimeOffset at = Time("2026-01-01T03:00:00Z");
        var days = new HashSet<DateOnly>();
        for (int i = 0; i < 365; i++)
        {
            at = schedule.Next(at);
            Assert.True(days.Add(DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(at, schedule.Zone).DateTime)));
        }

        Assert.Equal(365, days.Count);
    }

    [Theory]
    [InlineData("* * * *", "UTC")]
    [InlineData("60 * * * *", "UTC")]
    [InlineData("* 24 * * *", "UTC")]
    [InlineData("* * 0 * *", "UTC")]
    [InlineData("* * * 13 *", "UTC")]
    [InlineData("* * * * 8", "UTC")]
    [InlineData("5-1 * * * *", "UTC")]
    [InlineData("*/0 * * * *", "UTC")]
    [InlineData("a * * * *", "UTC")]
    [InlineData("0 0 30 2 *", "UTC")]
    [InlineData("@often", "UTC")]
    [InlineData("* * * * *", "Mars/Olympus")]
    public void TryParse_OfWhatIsNone_SaysWhy(string text, string zone)
    {
        Assert.Null(CronSchedule.TryParse(text, zone, out string? problem));
        Assert.EndsWith(".", problem);
    }
}
