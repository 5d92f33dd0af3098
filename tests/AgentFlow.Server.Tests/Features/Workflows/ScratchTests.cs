namespace AgentFlow.Server.Tests.Features.Workflows;

public sealed class ScratchTests
{
    [Fact]
    public async Task All()
    {
        await using RunningServer s = await RunningServer.StartAsync();
        foreach (string y in new[] { Flows.Echo, Flows.Wait, Flows.Gated, Flows.Ask, Flows.Failing })
        {
            Answer a = await s.PostYamlAsync("/api/v1/workflows", y);
            Console.WriteLine(a.Status + " " + a.Text);
        }
        Console.WriteLine((await s.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":"hi"}}""")).Text);
        Console.WriteLine((await s.PostAsync("/api/v1/workflows/echo/execute", """{"input":{"message":1}}""")).Text);
        Console.WriteLine((await s.PostAsync("/api/v1/workflows/failing/execute", """{}""")).Text);
        string id = await s.StartAsync("wait");
        Console.WriteLine((await s.GetAsync($"/api/v1/runs/{id}")).Text);
        Console.WriteLine((await s.GetAsync($"/api/v1/runs/{id}/plan")).Text);
        Console.WriteLine((await s.GetAsync($"/api/v1/runs/{id}/events")).Text);
        Console.WriteLine((await s.PostAsync($"/api/v1/runs/{id}/signal", """{"name":"go","payload":{"x":1}}""")).Text);
        await s.EndAsync(id);
        Console.WriteLine((await s.GetAsync($"/api/v1/runs/{id}/stream", ("Accept", "text/event-stream"))).Text);
        Console.WriteLine((await s.GetAsync($"/api/v1/runs")).Text);
        Console.WriteLine((await s.GetAsync($"/api/v1/tools?page[size]=1")).Text);
        Console.WriteLine((await s.GetAsync($"/api/v1/nothing")).Text);
        Console.WriteLine((await s.PostAsync($"/api/v1/tools", "{}")).Text);
        Console.WriteLine((await s.GetAsync($"/readyz")).Text);
        Console.WriteLine((await s.GetAsync($"/docs/errors/JSON_INVALID")).Text);
        File.WriteAllText("/tmp/openapi.json", (await s.GetAsync($"/api/v1/openapi.json")).Text);
    }
}
