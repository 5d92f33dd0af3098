using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;

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
    public async Task Estimate_OfChildren_IsOfTheVersionThatWouldRun()
    {
        await _server.SaveAsync(Priced("max_budget: 5"));
        await _server.SaveAsync(Batch("preflight: refuse, max_budget: 0.1"));
        JsonElement estimate = (await _server.GetAsync("/api/v1/workflows/batch/estimate")).Json;
        Assert.Equal(["do/ask", "do/done", "do/sorry"], estimate.GetProperty("unobserved").EnumerateArray().Select(u => u.GetString()!));
        // Five items, where the list is not known.
        double one = (await _server.GetAsync("/api/v1/workflows/priced/estimate")).Json.GetProperty("tokens").GetProperty("mean").GetDouble();
        Assert.InRange(estimate.GetProperty("tokens").GetProperty("mean").GetDouble(), 4.5 * one, 5.5 * one);

        // An answer of a tenth of the length, in a version that fits, and one that does not.
        await _server.SaveAsync(Priced("max_budget: 5").Replace("1.0.0", "1.1.0", StringComparison.Ordinal).Replace("4000", "400", StringComparison.Ordinal));
        await _server.SaveAsync(Priced("max_budget: 5").Replace("1.0.0", "2.0.0", StringComparison.Ordinal).Replace("4000", "16000", StringComparison.Ordinal));
        JsonElement newer = (await _server.GetAsync("/api/v1/workflows/batch/estimate")).Json;
        Assert.InRange(newer.GetProperty("dollars").GetProperty("p50").GetDecimal(), 0.001m, estimate.GetProperty("dollars").GetProperty("p50").GetDecimal() / 4);
    }

    [Fact]
    public async Task Preflight_OfAList_CountsTheItemsOfTheInput()
    {
        await _server.SaveAsync(Priced("max_budget: 5"));
        await _server.SaveAsync(Batch("preflight: refuse, max_budget: 0.1"));
        double ofFive = (await _server.GetAsync("/api/v1/workflows/batch/estimate")).Json.GetProperty("tokens").GetProperty("mean").GetDouble();
        Assert.InRange(await RefusedAsync(40) / await RefusedAsync(20), 1.8m, 2.2m);

        Answer run = await _server.PostAsync("/api/v1/workflows/batch/execute", """{"input":{"orders":[1]},"async":true}""");
        Assert.Equal(HttpStatusCode.Accepted, run.Status);
        string id = run.Json.GetProperty("run_id").GetString()!;
        await _server.EndAsync(id);
        // One item, whether or not something was learned from it meanwhile: the model is not there, so it used nothing.
        JsonElement ofRun = (await _server.GetAsync($"/api/v1/plans/{id}/estimate")).Json;
        Assert.InRange(ofRun.GetProperty("tokens").GetProperty("mean").GetDouble(), 0, ofFive / 4);

        async Task<decimal> RefusedAsync(int items)
        {
            string orders = string.Join(',', Enumerable.Range(0, items));
            JsonElement problem = (await _server.PostAsync("/api/v1/workflows/batch/execute", $$$"""{"input":{"orders":[{{{orders}}}]}}""")).Problem(HttpStatusCode.Conflict, "PREFLIGHT_OVER_BUDGET");
            return decimal.Parse(Regex.Match(problem.GetProperty("detail").GetString()!, @"half of them more than \$(0\.\d+)").Groups[1].Value, CultureInfo.InvariantCulture);
        }
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

    private async Task<(string Run, string Approval)> AskedAsync(string preflight, string version)
    {
        await _server.SaveAsync(Priced($"max_budget: 0.001, preflight: {preflight}").Replace("1.0.0", version, StringComparison.Ordinal));
        Answer asked = await _server.PostAsync("/api/v1/workflows/priced/execute", """{"input":{"n":1}}""");
        Assert.Equal(HttpStatusCode.Accepted, asked.Status);
        Assert.Matches(@"^awaiting_approval; p50=0\.0\d+; p95=0\.0\d+$", asked.Headers.GetValues("AgentFlow-Preflight").Single());
        string run = asked.Json.GetProperty("run_id").GetString()!;
        JsonElement page = await _server.UntilAsync($"/api/v1/approvals?status=pending&filter[run_id]={run}", p => p.GetProperty("items").GetArrayLength() == 1);
        return (run, page.GetProperty("items")[0].GetProperty("id").GetString()!);
    }

    [Fact]
    public async Task Preflight_Ask_HoldsTheRunUntilSomebodyApproves()
    {
        (string run, string id) = await AskedAsync("{ ask: { role: boss, timeout: 2h } }", "1.0.0");
        JsonElement approval = (await _server.GetAsync($"/api/v1/approvals/{id}")).Json;
        Assert.Equal(("preflight", "Approve a run of priced 1.0.0", "boss"), (approval.GetProperty("approval").GetString(), approval.GetProperty("title").GetString(), approval.GetProperty("assignee").GetProperty("role").GetString()));
        Assert.Matches(@"expected to cost more than \$0\.0\d+, half of them more than \$0\.0\d+; \$0\.001 are allowed", approval.GetProperty("description").GetString());
        Assert.Equal((1, 0.001m), (approval.GetProperty("data").GetProperty("input").GetProperty("n").GetInt32(), approval.GetProperty("data").GetProperty("estimate").GetProperty("max_budget_dollars").GetDecimal()));
        JsonElement waiting = await _server.RunAsync(run, r => r.GetProperty("status").GetString() == "waiting");
        Assert.Empty(waiting.GetProperty("steps").EnumerateArray());

        _server = await _server.RestartAsync();
        Assert.Equal("waiting", (await _server.GetAsync($"/api/v1/runs/{run}")).Json.GetProperty("status").GetString());
        Assert.Equal(HttpStatusCode.OK, (await _server.PostAsync($"/api/v1/approvals/{id}/approve", """{"reason":"worth it"}""")).Status);
        JsonElement end = await _server.EndAsync(run);
        Assert.Equal("completed", end.GetProperty("status").GetString());
        Assert.NotEmpty(end.GetProperty("steps").EnumerateArray());
        string[] words = [.. (await _server.GetAsync($"/api/v1/runs/{run}/explain")).Json.GetProperty("lines").EnumerateArray().Select(s => s.GetProperty("text").GetString()!)];
        Assert.Contains("It is expected to cost more than it may: it begins once somebody has approved that.", words);
        Assert.Contains("api approved the run: worth it.", words);
        await _server.PostAsync("/api/v1/audit/verify", null);
        JsonElement audited = Assert.Single((await _server.GetAsync("/api/v1/audit?filter[action]=approval.decided")).Json.GetProperty("items").EnumerateArray());
        Assert.Equal(("allowed", "api", "preflight"), (audited.GetProperty("decision").GetString(), audited.GetProperty("actor").GetString(), audited.GetProperty("details").GetProperty("approval").GetString()));
    }

    [Fact]
    public async Task Preflight_AskAndDenied_EndsTheRunWithoutAStep()
    {
        (string run, string id) = await AskedAsync("ask", "1.0.0");
        await _server.PostAsync($"/api/v1/approvals/{id}/deny", """{"reason":"too dear"}""");
        JsonElement end = await _server.EndAsync(run);
        Assert.Equal(("failed", "APPROVAL_DENIED", "api did not approve the run: too dear."), (end.GetProperty("status").GetString(), end.GetProperty("error").GetProperty("code").GetString(), end.GetProperty("error").GetProperty("message").GetString()));
        Assert.Equal(0m, end.GetProperty("cost_dollars").GetDecimal());

        (string cancelled, string open) = await AskedAsync("ask", "1.1.0");
        await _server.PostAsync($"/api/v1/runs/{cancelled}/cancel", "{}");
        Assert.Equal("cancelled", (await _server.EndAsync(cancelled)).GetProperty("status").GetString());
        await _server.UntilAsync($"/api/v1/approvals/{open}", a => a.GetProperty("status").GetString() == "cancelled");

        (string late, _) = await AskedAsync("{ ask: { timeout: 100ms } }", "1.2.0");
        Assert.Equal("APPROVAL_DENIED", (await _server.EndAsync(late)).GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task Preflight_AskWithinBudget_AsksNobody()
    {
        await _server.SaveAsync(Priced("max_budget: 5, preflight: ask"));
        Answer run = await _server.PostAsync("/api/v1/workflows/priced/execute", null);
        Assert.Equal((HttpStatusCode.OK, false), (run.Status, run.Headers.Contains("AgentFlow-Preflight")));
        Assert.Equal(0, (await _server.GetAsync("/api/v1/approvals")).Json.GetProperty("total_count").GetInt32());
    }

    private static string Batch(string policies) => $$"""
        language: 1
        name: batch
        version: 1.0.0
        policies: { {{policies}} }
        planner: dag
        steps:
          - id: all
            foreach: { items: "${input.orders}", do: { workflow: { name: priced, version: 1.x } } }
        """;

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
