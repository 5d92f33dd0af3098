using System.Text.Json;
using System.Text.RegularExpressions;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Execution;

public sealed partial class InterruptionTests : IDisposable
{
    private readonly Af _af = new();

    public void Dispose() => _af.Dispose();

    [Fact]
    public async Task Interrupt_WaitingRun_SaysHowItGoesOn()
    {
        _af.Write("hold.yaml", Af.Hold);
        using AfProcess process = _af.Start("run", "hold.yaml");
        string id = Ulid().Match(await process.ErrorLineAsync("waits for the signal go")).Value;
        process.SendInterrupt();
        AfResult result = await process.EndAsync();
        Assert.Equal((ExitCode.Interrupted, ""), (result.Code, result.Out));
        Assert.Contains($"af runs watch {id}", result.Error, StringComparison.Ordinal);

        await _af.RunAsync("runs", "signal", id, "go");
        AfResult watched = await _af.RunAsync("runs", "watch", id);
        Assert.True(watched.Code == ExitCode.Ok, $"{watched}");
    }

    [Fact]
    public async Task Interrupt_Rows_PrintsWhatEndedAndSaysHowManyDidNot()
    {
        _af.Write("choosy.yaml", Af.Choosy);
        _af.Write("rows.jsonl", "{\"hold\":false}\n{\"hold\":true}\n{\"hold\":true}\n");
        using AfProcess process = _af.Start("run", "choosy.yaml", "--input", "rows.jsonl", "-o", "json");
        await process.LineAsync("completed");
        process.SendInterrupt();
        AfResult result = await process.EndAsync();
        Assert.Equal(ExitCode.Interrupted, result.Code);
        Assert.Equal("done", Assert.Single(JsonElement.Parse(result.Out).EnumerateArray()).GetProperty("outcome").GetString());
        Assert.Contains("stopped after 1 of 3 rows", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Kill_WaitingRun_IsStillThere()
    {
        _af.Write("hold.yaml", Af.Hold);
        string id;
        using (AfProcess process = _af.Start("run", "hold.yaml"))
        {
            id = Ulid().Match(await process.ErrorLineAsync("waits for the signal go")).Value;
            process.SendKill();
        }

        await _af.RunAsync("runs", "signal", id, "go");
        Assert.Equal(ExitCode.Ok, (await _af.RunAsync("runs", "watch", id)).Code);
    }

    [GeneratedRegex("[0-9A-Z]{26}")]
    private static partial Regex Ulid();
}
