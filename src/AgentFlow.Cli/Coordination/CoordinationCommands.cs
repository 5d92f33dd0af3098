using System.CommandLine;
using System.Globalization;
using AgentFlow.Cli.Access;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.Coordination;

/// <summary><c>af semaphores</c>: which runs hold and want permits that runs share.</summary>
internal static class SemaphoresCommand
{
    public static Command Create() => new("semaphores", "See who holds and who waits for what runs share.")
    {
        ConnectedVerb.Create("list", "List semaphores with the steps that hold a permit and those that wait for one.", ListAsync, []),
    };

    private static async Task<int> ListAsync(Invocation invocation, Connection connection)
    {
        List<SharedSemaphore> semaphores = await Listing.AllAsync((cursor, size) => connection.Client.ListSemaphoresAsync(size, cursor, invocation.Cancelled));
        return Listing.Show(
            invocation.Terminal,
            semaphores,
            CliJson.Default.SharedSemaphore,
            [new TableColumn("Semaphore"), new TableColumn("Held", IsFixed: true), new TableColumn("Status", IsFixed: true), new TableColumn("Run", IsFixed: true), new TableColumn("Step", IsFixed: true)],
            (table, semaphore) =>
            {
                string held = string.Create(CultureInfo.InvariantCulture, $"{semaphore.Holders.Count} of {semaphore.Permits}");
                foreach (SharedPlace holder in semaphore.Holders)
                {
                    table.Add(semaphore.Name, held, "holds", holder.Run, holder.Step);
                }

                foreach (SharedPlace waiting in semaphore.Waiting)
                {
                    table.Add(semaphore.Name, held, new TableCell("waits", Tone.Warning), waiting.Run, waiting.Step);
                }
            },
            "nobody holds or wants a permit");
    }
}

/// <summary><c>af barriers</c>: which runs wait for each other.</summary>
internal static class BarriersCommand
{
    public static Command Create() => new("barriers", "See which runs wait for each other.")
    {
        ConnectedVerb.Create("list", "List barriers with the steps that wait at them.", ListAsync, []),
    };

    private static async Task<int> ListAsync(Invocation invocation, Connection connection)
    {
        List<SharedBarrier> barriers = await Listing.AllAsync((cursor, size) => connection.Client.ListBarriersAsync(size, cursor, invocation.Cancelled));
        return Listing.Show(
            invocation.Terminal,
            barriers,
            CliJson.Default.SharedBarrier,
            [new TableColumn("Barrier"), new TableColumn("There", IsFixed: true), new TableColumn("Run", IsFixed: true), new TableColumn("Step", IsFixed: true)],
            (table, barrier) =>
            {
                string there = string.Create(CultureInfo.InvariantCulture, $"{barrier.Waiting.Count} of {barrier.Parties}");
                foreach (SharedPlace waiting in barrier.Waiting)
                {
                    table.Add(barrier.Name, there, waiting.Run, waiting.Step);
                }
            },
            "nobody waits at a barrier");
    }
}
