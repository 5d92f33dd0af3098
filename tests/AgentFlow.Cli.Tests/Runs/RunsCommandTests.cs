using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Runs;

public sealed class RunsCommandTests : IDisposable
{
    private readonly Af _af = new();

    public void Dispose() => _af.Dispose();

    [Fact]
    public async Task List_Filters_LeaveTheOthersOut()
    {
        _af.Write("echo.yaml", Af.Echo);
        _af.Write("fussy.yaml", Af.Fussy);
        string first = await RunAsync("echo.yaml", "message=a");
        string failed = await RunAsync("fussy.yaml", "message=b");
        string last = await RunAsync("echo.yaml", "message=c");
        Assert.Equal([last, failed, first], await IdsAsync());
        Assert.Equal([last, first], await IdsAsync("--workflow", "echo"));
        Assert.Equal([failed], await IdsAsync("--status", "failed"));
        Assert.Equal([last, failed], await IdsAsync("--limit", "2"));
        AfResult table = await _af.RunAsync("runs", "list", "--limit", "2");
        Assert.Contains($"{last}  echo 1.0.0", table.Out, StringComparison.Ordinal);
        Assert.Contains("2 of 3 runs", table.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Show_Run_HasStepsAndOutput()
    {
        _af.Write("echo.yaml", Af.Echo);
        string id = await RunAsync("echo.yaml", "message=Hello");
        AfResult result = await _af.RunAsync("runs", "show", id);
        Assert.Contains($"{id}  completed  said", result.Out, StringComparison.Ordinal);
        Assert.Matches(@"say +tool skill\.echo +succeeded +1 ", result.Out);
        Assert.Contains("\"message\": \"Hello\"", result.Out, StringComparison.Ordinal);
        JsonElement json = JsonElement.Parse((await _af.RunAsync("runs", "show", id, "-o", "json")).Out);
        Assert.Equal("say", json.GetProperty("steps")[0].GetProperty("node").GetString());
    }

    [Fact]
    public async Task Events_Run_AreTheWholeJournal()
    {
        _af.Write("echo.yaml", Af.Echo);
        string id = await RunAsync("echo.yaml", "message=Hello");
        JsonElement[] events = [.. (await _af.RunAsync("runs", "events", id, "-o", "json")).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonElement.Parse(line))];
        Assert.Equal(Enumerable.Range(0, events.Length), events.Select(e => e.GetProperty("seq").GetInt32()));
        Assert.Equal("run_started", events[0].GetProperty("type").GetString());
        Assert.Equal("run_completed", events[^1].GetProperty("type").GetString());
        AfResult rest = await _af.RunAsync("runs", "events", id, "--from", $"{events.Length - 1}");
        Assert.Matches($@"^ +{events.Length - 1}  [0-9:.]+  run_completed", Assert.Single(rest.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
    }

    [Fact]
    public async Task Explain_Run_SaysWhyEachTransitionWasTaken()
    {
        _af.Write("fussy.yaml", Af.Fussy);
        string good = await RunAsync("fussy.yaml", "message=ok");
        string bad = await RunAsync("fussy.yaml", "message=no");

        AfResult taken = await _af.RunAsync("runs", "explain", good);
        Assert.Contains("'look' leads to 'fine' because `output.ok` is true with output.ok = true.", taken.Out, StringComparison.Ordinal);
        Assert.Contains("The run completed: fine.", taken.Out, StringComparison.Ordinal);
        AfResult failed = await _af.RunAsync("runs", "explain", bad, "-o", "json");
        JsonElement last = JsonElement.Parse(failed.Out).GetProperty("lines").EnumerateArray().Last();
        Assert.StartsWith("The run failed: NO_TRANSITION, ", last.GetProperty("text").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("show")]
    [InlineData("explain")]
    [InlineData("events")]
    [InlineData("watch")]
    [InlineData("cancel")]
    [InlineData("pause")]
    [InlineData("resume")]
    [InlineData("migrate")]
    public async Task AnyVerb_UnknownRun_SaysSo(string verb)
    {
        AfResult result = await _af.RunAsync("runs", verb, "01ARZ3NDEKTSV4RRFFQ69G5FAV");
        Assert.Equal((ExitCode.Failed, ""), (result.Code, result.Out));
        Assert.Contains("RUN_NOT_FOUND", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Signal_WaitingRun_GoesOnWithItsPayload()
    {
        string id = await HoldAsync();
        Assert.Equal("waiting", Status(await _af.RunAsync("runs", "show", id, "-o", "json")));
        AfResult signalled = await _af.RunAsync("runs", "signal", id, "go", "--payload", """{"by":"me"}""");
        Assert.True(signalled.Code == ExitCode.Ok, $"{signalled}");
        AfResult watched = await _af.RunAsync("runs", "watch", id);
        Assert.True(watched.Code == ExitCode.Ok, $"{watched}");
        Assert.Contains("run_completed", watched.Out, StringComparison.Ordinal);
        JsonElement run = JsonElement.Parse((await _af.RunAsync("runs", "show", id, "-o", "json")).Out);
        Assert.Equal("me", run.GetProperty("output").GetProperty("got").GetProperty("by").GetString());
    }

    [Fact]
    public async Task PauseAndResume_WaitingRun_AreTakenInTurn()
    {
        string id = await HoldAsync();
        AfResult paused = await _af.RunAsync("runs", "pause", id);
        Assert.True(paused.Code == ExitCode.Ok, $"{paused}");
        Assert.Contains("no new step", paused.Error, StringComparison.Ordinal);
        await _af.RunAsync("runs", "signal", id, "go");
        using (AfProcess served = _af.Start("runs", "watch", id))
        {
            await served.LineAsync("pause_requested");
            await served.LineAsync("signal_received");
            served.SendInterrupt();
            await served.EndAsync();
        }

        Assert.Equal("paused", Status(await _af.RunAsync("runs", "show", id, "-o", "json")));
        AfResult resumed = await _af.RunAsync("runs", "resume", id);
        Assert.True(resumed.Code == ExitCode.Ok, $"{resumed}");
        AfResult watched = await _af.RunAsync("runs", "watch", id);
        Assert.True(watched.Code == ExitCode.Ok, $"{watched}");
        Assert.Matches("(?s)pause_requested.*resume_requested.*run_completed", watched.Out);
    }

    [Fact]
    public async Task Resolve_CompensationThatCannotSucceed_LetsTheRunEnd()
    {
        _af.Write("trip.yaml", """
            language: 1
            name: trip
            version: 1.0.0
            planner: dag
            steps:
              - { id: flight, tool: skill.echo, input: { seat: 4 }, compensate: { tool: skill.http_call, input: { url: "http://192.0.2.1/" }, retry: { max_attempts: 1 } } }
              - { id: pay, tool: skill.echo, depends_on: [flight], input: { a: "${output.missing}" } }
            """);
        using AfProcess process = _af.Start("run", "trip.yaml", "-o", "json");
        await process.ErrorLineAsync("waits for somebody to say what became of it");
        process.SendInterrupt();
        await process.EndAsync();
        string id = Assert.Single(await IdsAsync());
        JsonElement saga = JsonElement.Parse((await _af.RunAsync("runs", "saga", id, "-o", "json")).Out);
        Assert.Equal("waiting", saga.GetProperty("status").GetString());
        string step = saga.GetProperty("steps")[0].GetProperty("compensation").GetString()!;
        AfResult wrong = await _af.RunAsync("runs", "resolve", id, step, "perhaps");
        Assert.Equal(ExitCode.Failed, wrong.Code);
        Assert.Contains("retry, succeed or fail", wrong.Error, StringComparison.Ordinal);
        AfResult resolved = await _af.RunAsync("runs", "resolve", id, step, "succeed");
        Assert.True(resolved.Code == ExitCode.Ok, $"{resolved}");
        AfResult watched = await _af.RunAsync("runs", "watch", id);
        Assert.Contains("run_failed", watched.Out, StringComparison.Ordinal);
        AfResult table = await _af.RunAsync("runs", "saga", id);
        Assert.Matches(@"flight#1 +skill\.http_call +compensated", table.Out);
    }

    [Fact]
    public async Task Cancel_WaitingRun_EndsAsCancelled()
    {
        string id = await HoldAsync();
        AfResult result = await _af.RunAsync("runs", "cancel", id, "--reason", "no longer needed");
        Assert.True(result.Code == ExitCode.Ok, $"{result}");
        Assert.Equal($"{id} cancelled", result.Out.Trim());
        Assert.Equal(ExitCode.Cancelled, (await _af.RunAsync("runs", "watch", id)).Code);
        AfResult again = await _af.RunAsync("runs", "cancel", id);
        Assert.Equal(ExitCode.Failed, again.Code);
        Assert.Contains("RUN_ALREADY_ENDED", again.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_OtherTenant_SeesNothing()
    {
        _af.Write("echo.yaml", Af.Echo);
        await RunAsync("echo.yaml", "message=a");
        Assert.Equal("[]", (await _af.RunAsync("runs", "list", "--tenant", "other", "-o", "json")).Out.Trim());
    }

    /// <summary>A run that waits for a signal, left behind by an interrupted <c>af run</c>.</summary>
    private async Task<string> HoldAsync()
    {
        _af.Write("hold.yaml", Af.Hold);
        using AfProcess process = _af.Start("run", "hold.yaml", "-o", "json");
        await process.ErrorLineAsync("waits for the signal go");
        process.SendInterrupt();
        Assert.Equal(ExitCode.Interrupted, (await process.EndAsync()).Code);
        return Assert.Single(await IdsAsync());
    }

    private async Task<string> RunAsync(string workflow, string input) =>
        JsonElement.Parse((await _af.RunAsync("run", workflow, "-i", input, "-o", "json")).Out).GetProperty("id").GetString()!;

    private async Task<string[]> IdsAsync(params string[] options) =>
        [.. JsonElement.Parse((await _af.RunAsync(["runs", "list", "-o", "json", .. options])).Out).EnumerateArray().Select(r => r.GetProperty("id").GetString()!)];

    private static string? Status(AfResult result) => JsonElement.Parse(result.Out).GetProperty("status").GetString();
}
