using AgentFlow.Server.Configuration;

namespace AgentFlow.Server.Tests.Configuration;

public sealed class BridgeSettingsTests
{
    private const string Secret = "0123456789abcdef0123456789abcdef";

    private static ServerOptions From(params (string Name, string Value)[] environment) =>
        ServerOptions.From(Settings.Load(name => environment.FirstOrDefault(e => e.Name == name).Value, environment.Select(e => e.Name), Path.GetTempPath()));

    [Fact]
    public void Environment_OfDeployedOrchestrators_IsRead()
    {
        BridgeSettings bridge = From(
            ("SHARED_SECRET", $"{Secret},{Secret}2"),
            ("COMMAND_CENTER_URL", "https://center.example.com"),
            ("REGISTERED_AGENTS", """{"a1":{"base_url":"http://10.0.0.1:8080","name":"A","capabilities":["b","a","b"],"tasks_per_minute":5}}"""),
            ("AGENTS_ALLOWLIST", "a1=http://10.0.0.1:8080, a2")).Bridge;
        Assert.Equal([Secret, Secret + "2"], bridge.Secrets);
        Assert.Equal("https://center.example.com/", bridge.Url!.AbsoluteUri);
        KnownAgent agent = Assert.Single(bridge.Agents);
        Assert.Equal(("a1", "A", 5), (agent.Id, agent.Name, agent.TasksPerMinute));
        Assert.Equal(["a", "b"], agent.Capabilities);
        Assert.Equal(8080, bridge.Allowed!["a1"]!.Port);
        Assert.Null(bridge.Allowed["a2"]);
        Assert.True(bridge.IsOn);
        Assert.False(new BridgeSettings().IsOn);
    }

    [Fact]
    public void OwnName_WinsOverTheOther() => Assert.Equal([Secret], From(("SHARED_SECRET", Secret + "old"), ("AF_BRIDGE_SECRET", Secret)).Bridge.Secrets);

    [Fact]
    public void AgentKeys_OfOneAgentTwice_AreBothItsOwn() =>
        Assert.Equal([Secret, Secret + "2"], From(("AF_BRIDGE_AGENT_KEYS", $"a1={Secret},a1={Secret}2")).Bridge.AgentKeys["a1"]);

    [Theory]
    [InlineData("SHARED_SECRET", "short", "32 characters")]
    [InlineData("SHARED_SECRET", Secret + "," + Secret + "1," + Secret + "2", "one secret, or two")]
    [InlineData("AF_BRIDGE_AGENT_KEYS", "a1", "agent_id=key")]
    [InlineData("AF_BRIDGE_AGENT_KEYS", "a1=short", "too short")]
    [InlineData("COMMAND_CENTER_URL", "center.example.com", "https://")]
    [InlineData("COMMAND_CENTER_URL", "https://u:p@center.example.com", "user and password")]
    [InlineData("REGISTERED_AGENTS", "[]", "no JSON object")]
    [InlineData("REGISTERED_AGENTS", """{"a":{}}""", "has no base_url")]
    [InlineData("REGISTERED_AGENTS", """{"a":{"base_url":"https://x","url":"y"}}""", "'url'")]
    [InlineData("REGISTERED_AGENTS", """{"a":{"base_url":"https://x","tasks_per_minute":0}}""", "tasks_per_minute")]
    [InlineData("AGENTS_ALLOWLIST", "a1=ftp://x", "https://")]
    [InlineData("AGENTS_ALLOWLIST", "a b", "no agent's id")]
    [InlineData("AGENTS_ALLOWLIST", "a,a", "stands twice")]
    public void Value_Impossible_NamesItAndTheRemedy(string name, string value, string text)
    {
        string problem = Assert.Single(Assert.Throws<OptionsException>(() => From((name, value))).Problems);
        Assert.StartsWith(name, problem, StringComparison.Ordinal);
        Assert.Contains(text, problem, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, problem, StringComparison.Ordinal);
    }
}
