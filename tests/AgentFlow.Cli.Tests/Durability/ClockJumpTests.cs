using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Durability;

/// <summary>Somebody sets the clock of a running server, forwards and backwards.</summary>
public sealed class ClockJumpTests
{
    private const string Nap = """
        language: 1
        name: nap
        version: 1.0.0
        planner: fsm
        initial_state: sleep
        final_states: [awake]
        states:
          sleep: { wait: { for: 1h }, on_success: awake }
          awake: { tool: skill.echo, input: {}, outcome: rested }
        """;

    private const string Blink = """
        language: 1
        name: blink
        version: 1.0.0
        planner: fsm
        initial_state: close
        final_states: [open]
        states:
          close: { wait: { for: 300ms }, on_success: open }
          open: { tool: skill.echo, input: {}, outcome: seen }
        """;

    [Fact]
    public async Task Serve_ClockIsSet_FiresNoTimerEarlyAndNoneNever()
    {
        Assert.SkipWhen(SetClock.Missing is not null, SetClock.Missing ?? "");
        using var af = new Af();
        var clock = new SetClock(af);
        using ServedAf server = await ServedAf.StartAsync(af);
        await server.SaveAsync(Nap);
        await server.SaveAsync(Blink);
        await server.SaveAsync(Af.Hold);

        // Forwards, but not far enough; then past it.
        string first = await server.ExecuteAsync("nap", isAsync: true);
        clock.Set(TimeSpan.FromMinutes(30));
        string during = await server.ExecuteAsync("blink", isAsync: false);
        Assert.Equal("waiting", await server.StatusAsync(first));
        clock.Set(TimeSpan.FromHours(2));
        await server.BecomesAsync(first, "completed");

        // Backwards, under runs that sleep, that wait for a signal, and that are about to go on.
        string second = await server.ExecuteAsync("nap", isAsync: true);
        string held = await server.ExecuteAsync("hold", isAsync: true);
        string blinking = await server.ExecuteAsync("blink", isAsync: true);
        clock.Set(TimeSpan.FromHours(-1));
        await server.SignalAsync(held, "go", "once");
        await server.BecomesAsync(held, "completed");
        string back = await server.ExecuteAsync("blink", isAsync: false);
        Assert.Equal("waiting", await server.StatusAsync(second));
        clock.Set(TimeSpan.FromHours(4));
        await server.BecomesAsync(second, "completed");
        await server.BecomesAsync(blinking, "completed");
        foreach (string run in new[] { first, during, second, held, blinking, back })
        {
            await CheckAsync(server, run);
        }
    }

    /// <summary>Run time never goes back, and no timer is earlier than it was set to.</summary>
    private static async Task CheckAsync(ServedAf server, string run)
    {
        DateTimeOffset now = default;
        DateTimeOffset? due = null;
        foreach (JsonElement e in await server.EventsAsync(run))
        {
            DateTimeOffset at = e.GetProperty("at").GetDateTimeOffset();
            Assert.True(at >= now, $"{run}: {e}");
            now = at;
            switch (e.GetProperty("type").GetString())
            {
                case "timer_set":
                    due = e.GetProperty("due").GetDateTimeOffset();
                    break;
                case "timer_fired":
                    Assert.True(at >= due, $"{run}: due at {due:O}, {e}");
                    due = null;
                    break;
            }
        }

        Assert.Null(due);
    }
}
