using System.Net;
using AgentFlow.Server.Features.Bridge;

namespace AgentFlow.Server.Tests.Features.Bridge;

/// <summary>Remote agents in workflow files.</summary>
public sealed class RemoteAgentKindTests
{
    private static string Flow(string step, string agents = "{}") => $$"""
        language: 1
        name: remote
        version: 1.0.0
        planner: dag
        agents: {{agents}}
        steps:
          - {{step}}
        """;

    [Theory]
    [InlineData("{ id: a, capability: doc.read }", "{}", null)]
    [InlineData("{ id: a, capability: doc.read, retry: { max_attempts: 2 }, timeout: 10m, on_error: continue }", "{}", null)]
    [InlineData("{ id: a, agent: r }", "{ r: { kind: remote, capability: doc.read, agent_id: a1, resources: { priority: 1, timeout_ms: 5, retry: 0 } } }", null)]
    [InlineData("{ id: a, agent: r, on_unknown: ask }", "{ r: { kind: remote, capability: doc.read, idempotency: none } }", null)]
    [InlineData("{ id: a, agent: r }", "{ r: { kind: remote, capability: doc.read, idempotency: twice } }", "does not say what becomes of a call that is made again")]
    [InlineData("{ id: a, capability: \"\" }", "{}", "needs a capability")]
    [InlineData("{ id: a, capability: doc.read, tool: skill.echo }", "{}", "'capability' says already what")]
    [InlineData("{ id: a, agent: r }", "{ r: { kind: remote } }", "needs a capability")]
    [InlineData("{ id: a, agent: r }", "{ r: { kind: remote, capability: x, agent_id: \"a b\" } }", "no agent's id")]
    [InlineData("{ id: a, agent: r }", "{ r: { kind: remote, capability: x, resources: { retry: 1000 } } }", "out of range")]
    [InlineData("{ id: a, agent: r }", "{ r: { kind: remote, capability: x, resources: { tries: 1 } } }", "none of the resources")]
    [InlineData("{ id: a, agent: r }", "{ r: { kind: remote, capability: x, capabilities: [y] } }", "no setting of a remote agent")]
    public async Task Save_Step_IsTakenOrNamesTheProblem(string step, string agents, string? problem)
    {
        await using RunningServer server = await RunningServer.StartAsync();
        Answer answer = await server.PostYamlAsync("/api/v1/workflows", Flow(step, agents));
        if (problem is null)
        {
            Assert.True(answer.Status == HttpStatusCode.Created, answer.Text);
        }
        else
        {
            answer.Problem(HttpStatusCode.UnprocessableEntity, "WORKFLOW_INVALID");
            Assert.Contains(problem, answer.Text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void IdOf_Name_IsItsVersion5Uuid()
    {
        var id = TaskWish.IdOf("a name");
        Assert.Equal(id, TaskWish.IdOf("a name"));
        Assert.NotEqual(id, TaskWish.IdOf("another name"));
        Assert.Matches("^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$", id.ToString("D"));
    }
}
