using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Clusters;

public sealed class ClusterCommandTests : IDisposable
{
    private readonly Af _af = new();

    // PostgreSQL's own user has to get into it when the tests run as root.
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"af-cluster-{Guid.NewGuid():N}");

    public void Dispose() => _af.Dispose();

    [Fact]
    public async Task Up_WorkerKilled_TheOtherGoesOn_AndDownKeepsWhatIsWaiting()
    {
        Assert.SkipUnless(Directory.Exists("/usr/lib/postgresql"), "PostgreSQL is not installed: apt-get install postgresql");
        try
        {
            string url = $"http://127.0.0.1:{FreePort()}";
            AfResult up = await _af.RunAsync("cluster", "up", "--local", "--dir", _folder, "--url", url, "-o", "json");
            Assert.True(up.Code == ExitCode.Ok, $"{up}");
            JsonElement[] processes = [.. JsonElement.Parse(up.Out).EnumerateArray()];
            Assert.Equal(["control", "worker-1", "worker-2"], processes.Select(p => p.GetProperty("name").GetString()!));
            Assert.Equal(url, processes[0].GetProperty("url").GetString());
            Assert.Equal(ExitCode.Ok, (await _af.RunAsync("cluster", "status", "--dir", _folder)).Code);
            AfResult again = await _af.RunAsync("cluster", "up", "--local", "--dir", _folder);
            Assert.Equal(ExitCode.Failed, again.Code);
            Assert.Contains("is up already", again.Error, StringComparison.Ordinal);

            _af.Environment["AF_SERVER"] = url;
            _af.Write("echo.yaml", Af.Echo);
            Assert.Equal(ExitCode.Ok, (await _af.RunAsync("run", "echo.yaml", "-i", "message=hello")).Code);
            string waiting = await StartHoldAsync(url);

            using (Process worker = Process.GetProcessById(processes[1].GetProperty("pid").GetInt32()))
            {
                worker.Kill();
            }

            Assert.Equal(ExitCode.Ok, (await _af.RunAsync("run", "echo.yaml", "-i", "message=hello")).Code);
            AfResult status = await _af.RunAsync("cluster", "status", "--dir", _folder);
            Assert.Equal(ExitCode.Failed, status.Code);
            Assert.Contains("2 of 3 processes run; PostgreSQL runs", status.Error, StringComparison.Ordinal);

            Assert.Equal(ExitCode.Ok, (await _af.RunAsync("cluster", "down", "--dir", _folder)).Code);
            Assert.Equal(ExitCode.Unreachable, (await _af.RunAsync("runs", "list")).Code);
            Assert.Equal(ExitCode.Ok, (await _af.RunAsync("cluster", "up", "--local", "--dir", _folder, "--url", url, "--workers", "1")).Code);
            Assert.Equal(ExitCode.Ok, (await _af.RunAsync("runs", "signal", waiting, "go")).Code);
            Assert.Equal(ExitCode.Ok, (await _af.RunAsync("runs", "watch", waiting)).Code);
        }
        finally
        {
            Assert.Equal(ExitCode.Ok, (await _af.RunAsync("cluster", "down", "--dir", _folder, "--purge")).Code);
        }

        Assert.False(Directory.Exists(_folder));
    }

    [Fact]
    public async Task Up_WithoutLocal_SaysWhatItIsFor()
    {
        AfResult result = await _af.RunAsync("cluster", "up");
        Assert.Equal(ExitCode.Usage, result.Code);
        Assert.Contains("--local", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Down_NoCluster_IsNothingToDo() => Assert.Equal(ExitCode.Ok, (await _af.RunAsync("cluster", "down", "--dir", _folder)).Code);

    [Fact]
    public async Task Worker_OnSqlite_SaysWhatItNeeds()
    {
        AfResult result = await _af.RunAsync("worker");
        Assert.Equal(ExitCode.Usage, result.Code);
        Assert.Contains("AF_DB_DSN=postgres://", result.Error, StringComparison.Ordinal);
    }

    private static async Task<string> StartHoldAsync(string url)
    {
        using var http = new HttpClient { BaseAddress = new Uri(url) };
        using var yaml = new StringContent(Af.Hold, System.Text.Encoding.UTF8, "application/yaml");
        (await http.PostAsync("/api/v1/workflows", yaml)).EnsureSuccessStatusCode();
        HttpResponseMessage started = await http.PostAsync("/api/v1/workflows/hold/execute?async=true", null);
        return JsonElement.Parse(await started.Content.ReadAsStringAsync()).GetProperty("run_id").GetString()!;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
