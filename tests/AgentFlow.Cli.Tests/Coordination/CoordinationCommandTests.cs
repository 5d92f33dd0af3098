using System.Text.Json;
using AgentFlow.Cli.Tests.Durability;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Coordination;

/// <summary><c>af semaphores</c> and <c>af barriers</c> against a server.</summary>
public sealed class CoordinationCommandTests : IAsyncLifetime
{
    private const string Workflow = """
        language: 1
        name: release
        version: 1.0.0
        planner: fsm
        initial_state: book
        final_states: [done]
        states:
          book: { wait: { signal: go }, semaphore: { name: "ledger", permits: 1 }, on_success: meet }
          meet: { barrier: { name: crew, parties: 2 }, on_success: done }
          done: {}
        """;

    private readonly Af _af = new();
    private ServedAf _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await ServedAf.StartAsync(_af);
        _af.Environment["AF_SERVER"] = $"http://127.0.0.1:{_server.Port}";
        await _server.SaveAsync(Workflow);
    }

    public ValueTask DisposeAsync()
    {
        _server.Process.SendKill();
        _server.Dispose();
        _af.Dispose();
        return default;
    }

    [Fact]
    public async Task List_TwoRuns_SaysWhoHoldsAndWhoWaits()
    {
        Assert.Equal("nobody holds or wants a permit", (await ListAsync("semaphores")).Trim());
        Assert.Equal("nobody waits at a barrier", (await ListAsync("barriers")).Trim());
        string first = await _server.ExecuteAsync("release", isAsync: true);
        await UntilAsync("semaphores", s => s.Length == 1 && Runs(s[0], "holders") == first);
        string second = await _server.ExecuteAsync("release", isAsync: true);
        JsonElement ledger = (await UntilAsync("semaphores", s => s.Length == 1 && Runs(s[0], "waiting") == second))[0];
        Assert.Equal(("ledger", 1, first), (ledger.GetProperty("name").GetString(), ledger.GetProperty("permits").GetInt32(), Runs(ledger, "holders")));
        string[] lines = (await ListAsync("semaphores")).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.Collection(
            lines,
            head => Assert.Matches("SEMAPHORE +HELD +STATUS +RUN +STEP", head),
            holder => Assert.Matches($@"^ledger +1 of 1 +holds +{first} +\d+$", holder),
            waiting => Assert.Matches($@"^ledger +1 of 1 +waits +{second} +\d+$", waiting));

        Assert.Equal(ExitCode.Ok, (await _af.RunAsync("runs", "signal", first, "go")).Code);
        JsonElement crew = (await UntilAsync("barriers", b => b.Length == 1))[0];
        Assert.Equal(("crew", 2, first), (crew.GetProperty("name").GetString(), crew.GetProperty("parties").GetInt32(), Runs(crew, "waiting")));
        Assert.Matches($@"crew +1 of 2 +{first} +\d+", await ListAsync("barriers"));
        await UntilAsync("semaphores", s => s.Length == 1 && Runs(s[0], "holders") == second && Runs(s[0], "waiting").Length == 0);

        Assert.Equal(ExitCode.Ok, (await _af.RunAsync("runs", "signal", second, "go")).Code);
        await _server.BecomesAsync(first, "completed");
        await _server.BecomesAsync(second, "completed");
        Assert.Empty(await UntilAsync("barriers", b => b.Length == 0));
        Assert.Empty(await UntilAsync("semaphores", s => s.Length == 0));
    }

    private static string Runs(JsonElement shared, string places) => string.Join(' ', shared.GetProperty(places).EnumerateArray().Select(p => p.GetProperty("run").GetString()));

    private async Task<string> ListAsync(string what)
    {
        AfResult listed = await _af.RunAsync(what, "list");
        Assert.True(listed.Code == ExitCode.Ok, $"{listed}");
        return listed.Out;
    }

    private async Task<JsonElement[]> UntilAsync(string what, Func<JsonElement[], bool> isSo)
    {
        using var patience = new CancellationTokenSource(Af.Patience);
        while (true)
        {
            AfResult listed = await _af.RunAsync(what, "list", "-o", "json");
            Assert.True(listed.Code == ExitCode.Ok, $"{listed}");
            JsonElement[] found = [.. JsonElement.Parse(listed.Out).EnumerateArray()];
            if (isSo(found))
            {
                return found;
            }

            Assert.False(patience.IsCancellationRequested, $"af {what} list: {listed.Out}");
        }
    }
}
