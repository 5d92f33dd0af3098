using System.CommandLine;
using AgentFlow.Cli.Access;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.Schedules;

/// <summary><c>af schedules</c>: when runs are started by themselves.</summary>
internal static class SchedulesCommand
{
    private static readonly Argument<string> Id = new("schedule") { Description = "The workflow and the schedule's name: report.nightly." };
    private static readonly Option<int> Times = new("--times") { Description = "How many times to give.", HelpName = "n", DefaultValueFactory = _ => 5 };

    public static Command Create() => new("schedules", "See and pause what starts runs by itself.")
    {
        ConnectedVerb.Create("list", "List the schedules of workflows.", ListAsync, []),
        ConnectedVerb.Create("next", "Print when a schedule fires next.", NextAsync, [Id], Times),
        ConnectedVerb.Create("pause", "Start no runs for a while.", (invocation, connection) => ChangeAsync(invocation, connection.Client.PauseScheduleAsync), [Id]),
        ConnectedVerb.Create("resume", "Start runs again, from the next time on.", (invocation, connection) => ChangeAsync(invocation, connection.Client.ResumeScheduleAsync), [Id]),
    };

    private static async Task<int> ListAsync(Invocation invocation, Connection connection)
    {
        List<Schedule> schedules = await Listing.AllAsync((cursor, size) => connection.Client.ListSchedulesAsync(size, cursor, invocation.Cancelled));
        return Listing.Show(
            invocation.Terminal,
            schedules,
            CliJson.Default.Schedule,
            [new TableColumn("Schedule", IsFixed: true), new TableColumn("When"), new TableColumn("Next", IsFixed: true), new TableColumn("Last", IsFixed: true), new TableColumn("Run", IsFixed: true)],
            (table, schedule) => table.Add(schedule.Id, schedule.Text, new TableCell(schedule.Paused ? "paused" : Listing.Time(schedule.NextAt), schedule.Paused ? Tone.Warning : Tone.Plain), Listing.Time(schedule.LastAt), schedule.LastRunId ?? ""));
    }

    private static async Task<int> NextAsync(Invocation invocation, Connection connection)
    {
        Schedule schedule = await connection.Client.GetScheduleAsync(invocation.Get(Id)!, Math.Clamp(invocation.Get(Times), 1, 100), invocation.Cancelled);
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteObject(schedule, CliJson.Default.Schedule);
            return ExitCode.Ok;
        }

        foreach (DateTimeOffset next in schedule.Next ?? [])
        {
            invocation.Terminal.Say($"{next.UtcDateTime:yyyy-MM-dd HH:mm} UTC", schedule.Paused ? Tone.Faint : Tone.Plain);
        }

        return ExitCode.Ok;
    }

    private static async Task<int> ChangeAsync(Invocation invocation, Func<string, CancellationToken, Task<Schedule>> change)
    {
        Schedule schedule = await change(invocation.Get(Id)!, invocation.Cancelled);
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteObject(schedule, CliJson.Default.Schedule);
        }
        else
        {
            invocation.Terminal.Say(schedule.Paused ? $"{schedule.Id} is paused" : $"{schedule.Id} fires next at {schedule.NextAt?.UtcDateTime:yyyy-MM-dd HH:mm} UTC", Tone.Strong);
        }

        return ExitCode.Ok;
    }
}
