using System.Text;

namespace AgentFlow.Server.Tests.Http;

public sealed class RandomRequestTests : IAsyncLifetime
{
    private static readonly string[] Paths =
    [
        "/api/v1/workflows", "/api/v1/workflows?dry_run=true", "/api/v1/workflows/echo/execute", "/api/v1/workflows/echo/execute?async=true", "/api/v1/workflows/wait/execute?timeout=1ms",
        "/api/v1/runs/{run}/cancel", "/api/v1/runs/{run}/signal", "/api/v1/runs/{run}/pause", "/api/v1/runs/{run}/resume", "/api/v1/runs/{run}/steps/1/resolve",
    ];

    private static readonly string[] Bodies =
    [
        """{"input":{"message":"x","times":3},"version":"1.0.0","async":false,"trace_id":"t"}""",
        """{"name":"go","payload":{"a":[1,2,{"b":null}]},"id":"s"}""",
        """{"resolution":"succeed","output":1.5e300}""",
        """{"yaml":"language: 1\nname: x","path":"x.yaml","assets":{"a/b":"eA=="}}""",
        Flows.Echo,
        Flows.Failing,
    ];

    private static readonly string[] Queries = ["page[size]=2", "page[cursor]=x", "from=1", "limit=2", "filter[status]=failed", "filter[workflow]=echo", "sort=-name", "version=1.0.0", "timeout=3s", "a=b", "%00=%ff", "[]=", "=="];

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        await _server.SaveAsync(Flows.Echo);
        await _server.SaveAsync(Flows.Wait);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task DamagedBodies_AreNeverTheServersFault()
    {
        int seed = Environment.TickCount;
        var random = new Random(seed);
        for (int i = 0; i < 1500; i++)
        {
            byte[] body = Damage(Encoding.UTF8.GetBytes(Bodies[random.Next(Bodies.Length)]), random);
            string path = Paths[random.Next(Paths.Length)].Replace("{run}", "01M7XQPN3AV30BYVJPYJ337QFY");
            string type = random.Next(3) switch { 0 => "application/yaml", 1 => "text/plain", _ => "application/json" };

            // A run that waits would hold the test: only what is refused, or bounded, is asked for here.
            string limit = path.EndsWith("/execute", StringComparison.Ordinal) ? "?timeout=200ms" : "";
            Answer answer = await _server.SendAsync(HttpMethod.Post, path + limit, RunningServer.Content(body, type));
            Assert.True((int)answer.Status < 500, $"seed {seed}, request {i}: {path} answered {answer.Status} to {Encoding.UTF8.GetString(body)}\n{answer.Text}");
            Assert.True((int)answer.Status < 400 || answer.Type == "application/problem+json", $"seed {seed}, request {i}: {answer.Type}");
        }
    }

    [Fact]
    public async Task RandomAddresses_AreNeverTheServersFault()
    {
        int seed = Environment.TickCount;
        var random = new Random(seed);
        string id = await _server.StartAsync("wait");
        string[] segments = ["api", "v1", "runs", "workflows", "tools", "echo", id, id.ToLowerInvariant(), "plan", "plans", "events", "versions", "source", "docs", "errors", "%20", "..", "%2f", "é", "healthz", "readyz"];
        string[] methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
        for (int i = 0; i < 1500; i++)
        {
            string path = "/" + string.Join('/', Enumerable.Range(0, random.Next(1, 7)).Select(_ => segments[random.Next(segments.Length)]));
            string query = random.Next(2) == 0 ? "" : "?" + string.Join('&', Enumerable.Range(0, random.Next(1, 4)).Select(_ => Queries[random.Next(Queries.Length)]));
            Answer answer = await _server.SendAsync(new HttpMethod(methods[random.Next(10) < 7 ? 0 : random.Next(methods.Length)]), path + query, null);
            Assert.True((int)answer.Status < 500, $"seed {seed}, request {i}: {path}{query} answered {answer.Status}\n{answer.Text}");
        }
    }

    private static byte[] Damage(byte[] body, Random random)
    {
        List<byte> bytes = [.. body];
        for (int i = random.Next(0, 6); i > 0 && bytes.Count > 1; i--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(5))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes.RemoveAt(at);
                    break;
                case 2:
                    bytes.Insert(at, "{}[]\",:\\ \n0"u8[random.Next(11)]);
                    break;
                case 3:
                    bytes.RemoveRange(at, Math.Min(random.Next(1, 20), bytes.Count - at));
                    break;
                default:
                    bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 20), bytes.Count - at)));
                    break;
            }
        }

        return [.. bytes];
    }
}
