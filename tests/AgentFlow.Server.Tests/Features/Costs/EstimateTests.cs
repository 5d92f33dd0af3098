using System.Net;
using System.Text.Json;

namespace AgentFlow.Server.Tests.Features.Costs;

public sealed class EstimateTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Estimate_Unobserved_ComesFromSettingsAndPrices()
    {
        await _server.SaveAsync(Priced("max_budget: 5"));
        JsonElement estimate = (await _server.GetAsync("/api/v1/workflows/priced/estimate")).Json;
        Assert.False(estimate.GetProperty("calibrated").GetBoolean());
        Assert.Equal(["ask", "done", "sorry"], estimate.GetProperty("unobserved").EnumerateArray().Select(u => u.GetString()!));
        // A quarter of the longest answer, and at gpt-4o's ten dollars for a million tokens.
        Assert.InRange(estimate.GetProperty("tokens").GetProperty("p50").GetDouble(), 1000, 1800);
        Assert.InRange(estimate.GetProperty("dollars").GetProperty("p50").GetDecimal(), 0.009m, 0.016m);
        Assert.True(estimate.GetProperty("dollars").GetProperty("p95").GetDecimal() > estimate.GetProperty("dollars").GetProperty("p50").GetDecimal());
        Assert.True(estimate.GetProperty("within_budget").GetBoolean());
        (await _server.GetAsync("/api/v1/workflows/none/estimate")).Problem(HttpStatusCode.NotFound, "WORKFLOW_NOT_FOUND");
    }

    [Fact]
    public async Task Estimate_Observed_IsLearnedAndKept()
    {
        await _server.SaveAsync(Flows.Echo);
        string run = await _server.StartAsync("echo", """{"message":"hello"}""");
        await _server.EndAsync(run);
        const string path = "/api/v1/workflows/echo/estimate";
        await _server.UntilAsync(path, static e => e.GetProperty("calibrated").GetBoolean());
        string plan = (await _server.GetAsync($"/api/v1/plans/{run}/estimate")).Text;
        Assert.Equal((await _server.GetAsync(path)).Text, plan);
        (await _server.GetAsync("/api/v1/plans/00000000000000000000000000/estimate")).Problem(HttpStatusCode.NotFound, "RUN_NOT_FOUND");

        Assert.Contains("cost_preflight_tokens_total", (await _server.GetAsync("/metrics")).Text, StringComparison.Ordinal);

        _server = await _server.RestartAsync();
        Assert.Equal(plan, (await _server.GetAsync(path)).Text);
    }

    [Fact]
    public async Task Preflight_OverBudget_IsRefusedOrTold()
    {
        await _server.SaveAsync(Priced("max_budget: 0.001, preflight: refuse"));
        JsonElement problem = (await _server.PostAsync("/api/v1/workflows/priced/execute", null)).Problem(HttpStatusCode.Conflict, "PREFLIGHT_OVER_BUDGET");
        Assert.Matches(@"expected to cost more than \$0\.0\d+, half of them more than \$0\.0\d+; \$0\.001 are allowed", problem.GetProperty("detail").GetString());
        Assert.Equal(0, (await _server.GetAsync("/api/v1/runs")).Json.GetProperty("total_count").GetInt32());

        await _server.SaveAsync(Priced("max_budget: 0.001, preflight: warn").Replace("1.0.0", "1.1.0", StringComparison.Ordinal));
        Answer warned = await _server.PostAsync("/api/v1/workflows/priced/execute", null);
        Assert.Equal(HttpStatusCode.OK, warned.Status);
        Assert.Matches(@"^over_budget; p50=0\.0\d+; p95=0\.0\d+$", warned.Headers.GetValues("AgentFlow-Preflight").Single());

        await _server.SaveAsync(Priced("max_budget: 5, preflight: warn").Replace("1.0.0", "1.2.0", StringComparison.Ordinal));
        Assert.False((await _server.PostAsync("/api/v1/workflows/priced/execute", null)).Headers.Contains("AgentFlow-Preflight"));
    }

    private static string Priced(string policies) => $$"""
        language: 1
        name: priced
        version: 1.0.0
        agents: { writer: { kind: llm, role: Write., model: { provider: openai, model: gpt-4o, max_tokens: 4000 } } }
        policies: { {{policies}} }
        planner: fsm
        initial_state: ask
        final_states: [done, sorry]
        states:
          ask: { agent: writer, input: { text: hello }, on_success: done, on_error: sorry }
          done: { tool: skill.echo, input: {} }
          sorry: { tool: skill.echo, input: {} }
        """;
}
