using System.Diagnostics;
using System.Net;
using System.Text.Json;
using AgentFlow.Cli.Load;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Load;

public sealed class LoadCommandTests
{
    [Fact]
    public async Task Orchestrator_ServerOfItsOwn_IsLoadedWithoutAnError()
    {
        using var af = new Af();
        AfResult result = await af.RunAsync("load", "orchestrator", "--rps", "100", "--duration", "3s", "--warm-up", "1s", "--max-latency", "60000", "--report", "evidence", "-o", "json");
        Assert.True(result.Code == 0, $"{result}");
        JsonElement report = JsonElement.Parse(result.Out);
        Assert.True(report.GetProperty("passed").GetBoolean());
        Assert.Equal((300, 0), (report.GetProperty("all").GetProperty("requests").GetInt32(), report.GetProperty("all").GetProperty("errors").GetInt32()));
        JsonElement[] calls = [.. report.GetProperty("calls").EnumerateArray()];
        Assert.Equal(["register", "heartbeat", "callback", "event"], calls.Select(c => c.GetProperty("call").GetString()));
        Assert.All(calls, c => Assert.Equal(75, c.GetProperty("requests").GetInt32()));
        Assert.True(report.GetProperty("server_cpu").GetDouble() > 0);
        Assert.Equal(JsonValueKind.Array, report.GetProperty("alerts").ValueKind);
        Assert.True(JsonElement.DeepEquals(report, JsonElement.Parse(File.ReadAllText(Path.Combine(af.Folder, "evidence", "orchestrator-load.json")))));
        Assert.Contains("| callback | 75 | 0 |", File.ReadAllText(Path.Combine(af.Folder, "evidence", "orchestrator-load.md")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("SHARED_SECRET", "--target", "http://127.0.0.1:9")]
    [InlineData("--rps is 0", "--rps", "0")]
    [InlineData("--duration is 'long'", "--duration", "long")]
    [InlineData("--target is 'ftp://x'", "--target", "ftp://x")]
    [InlineData("50,000,000", "--rps", "100000", "--duration", "1d")]
    public async Task Orchestrator_Impossible_SaysTheRemedy(string words, params string[] arguments)
    {
        using var af = new Af();
        AfResult result = await af.RunAsync(["load", "orchestrator", .. arguments]);
        Assert.Equal(ExitCode.Usage, result.Code);
        Assert.Contains(words, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_TargetThatFailsSome_ReportsEachKindWithASample()
    {
        await using FlakyBridge bridge = await FlakyBridge.StartAsync();
        await using LoadAgents agents = await LoadAgents.StartAsync(new IPEndPoint(IPAddress.Loopback, 0), default);
        using var load = new OrchestratorLoad(new LoadPlan(400, TimeSpan.FromSeconds(1), TimeSpan.Zero, 4, 8), bridge.Address, new string('s', 32), null, agents, agents.Address);
        await load.PrepareAsync(default);
        bridge.IsFlaky = true;
        LoadReport report = await load.RunAsync(60_000, 0.01, null, default);
        Assert.False(report.Passed);
        Assert.Equal((400, 50), (report.All.Requests, report.All.Errors));
        FailureSample heartbeat = Assert.Single(report.Calls.Single(c => c.Call == "heartbeat").Failures);
        Assert.Equal(("500 HEARTBEAT_FAILED", 50), (heartbeat.Reason, heartbeat.Count));
        Assert.Contains("no disk", heartbeat.Sample, StringComparison.Ordinal);
        Assert.Contains("- heartbeat: 50 × 500 HEARTBEAT_FAILED", report.Markdown(), StringComparison.Ordinal);
        Assert.Null(report.Alerts);
        // Each task is accepted, in progress and done, in this order.
        Assert.All(bridge.Callbacks, task => Assert.Equal(((string[])["accepted", "in_progress", "succeeded"]).Take(task.Value.Count), task.Value.Order()));
        Assert.Equal(100, bridge.Callbacks.Sum(t => t.Value.Count));
    }

    [Fact]
    public async Task K6Script_UnderNode_KeepsItsThresholds()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/node"), "node is not installed");
        const string Secret = "a-secret-that-only-these-tests-share";
        using var af = new Af { Environment = { ["SHARED_SECRET"] = Secret } };
        using AfProcess server = af.Start("serve", "--url", "http://127.0.0.1:0", "-o", "json");
        string url = JsonElement.Parse(await server.LineAsync("url")).GetProperty("url").GetString()!;
        await using LoadAgents agents = await LoadAgents.StartAsync(new IPEndPoint(IPAddress.Loopback, 0), default);
        var start = new ProcessStartInfo("node", [Path.Combine(Repository.Root, "tests", "k6", "run.mjs"), Path.Combine(Repository.Root, "load-tests", "orchestrator-load.js"), "3"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        (start.Environment["BASE_URL"], start.Environment["SHARED_SECRET"], start.Environment["AGENT_URL"]) = (url, Secret, agents.Address.ToString());
        using var process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string said = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await errors);
        JsonElement result = JsonElement.Parse(said);
        Assert.All(result.GetProperty("checks").EnumerateObject(), c => Assert.Equal((c.Name, 3, 0), (c.Name, c.Value.GetProperty("passes").GetInt32(), c.Value.GetProperty("fails").GetInt32())));
        Assert.Equal(5, result.GetProperty("checks").EnumerateObject().Count());
        Assert.True(result.GetProperty("thresholds").GetProperty("errors").GetBoolean());
        Assert.Equal(
            ["http_req_duration{endpoint:register}", "http_req_duration{endpoint:heartbeat}", "http_req_duration{endpoint:callback}", "http_req_duration{endpoint:event}", "errors"],
            result.GetProperty("thresholds").EnumerateObject().Select(t => t.Name));
        // 50, 100, 200, hold and 0 requests a second, four to an iteration.
        Assert.Equal([125, 250, 500, 500, 0], result.GetProperty("scenarios").GetProperty("agents").GetProperty("stages").EnumerateArray().Select(s => s.GetProperty("target").GetInt32()));
    }
}
