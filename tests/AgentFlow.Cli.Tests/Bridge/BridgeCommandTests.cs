using System.Text.Json;
using AgentFlow.Cli.Tests.Durability;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Bridge;

public sealed class BridgeCommandTests
{
    private const string Secret = "0123456789abcdef0123456789abcdef";

    [Fact]
    public async Task Bridge_DispatchAndShow_TellTheTask()
    {
        using var af = new Af();
        af.Environment["SHARED_SECRET"] = Secret;
        using ServedAf server = await ServedAf.StartAsync(af);
        using NodeAgent agent = await NodeAgent.StartAsync("scholar-1", Secret, server.Port);
        await agent.CallAsync("register");
        af.Environment["AF_SERVER"] = $"http://127.0.0.1:{server.Port}";
        Assert.Contains("scholar-1", (await af.RunAsync("bridge", "agents")).Out, StringComparison.Ordinal);
        AfResult dispatched = await af.RunAsync("bridge", "dispatch", "document.read", "--payload", """{"url":"a.pdf"}""", "--retry", "0");
        Assert.True(dispatched.Code == 0, $"{dispatched}");
        string id = dispatched.Out.Trim();
        Assert.Equal(id, (await agent.TaskAsync()).GetProperty("task_id").GetString());
        await agent.CallAsync("failed", id);
        AfResult shown = await af.RunAsync("bridge", "tasks", "show", id);
        Assert.Contains("DOCUMENT_UNREADABLE", shown.Out, StringComparison.Ordinal);
        JsonElement listed = JsonElement.Parse((await af.RunAsync("bridge", "tasks", "list", "--status", "failed", "-o", "json")).Out);
        Assert.Equal(id, Assert.Single(listed.EnumerateArray()).GetProperty("task_id").GetString());
        Assert.Equal("[]", (await af.RunAsync("bridge", "dead-letters", "list", "-o", "json")).Out.Trim());
        AfResult replay = await af.RunAsync("bridge", "dead-letters", "replay", id);
        Assert.Equal(1, replay.Code);
        Assert.Contains("no dead letter", replay.Error, StringComparison.Ordinal);
        Assert.Contains("secret", (await af.RunAsync("bridge", "subscriptions", "add", "https://example.com", "--secret", "secret://none")).Error, StringComparison.Ordinal);
        Assert.Equal(2, (await af.RunAsync("bridge", "dispatch", "document.read", "--payload", "{")).Code);
    }
}
