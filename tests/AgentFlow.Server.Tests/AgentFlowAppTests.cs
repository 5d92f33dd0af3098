using System.Net;
using System.Net.Sockets;
using AgentFlow.Server.Configuration;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Tests;

public sealed class AgentFlowAppTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("agentflow-app-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private ServerOptions Options => new()
    {
        Store = new StoreAddress.Sqlite(Path.Combine(_directory, "a.db")),
        Listen = new ListenAddress.Tcp(IPAddress.Loopback, 0),
        LogLevel = LogLevel.None,
        HandlesSignals = false,
    };

    [Fact]
    public async Task Build_UnixSocket_AnswersThereForThisUserOnly()
    {
        string path = Path.Combine(_directory, "run", "af.sock");
        WebApplication app = await AgentFlowApp.BuildAsync(Options with { Listen = new ListenAddress.Unix(path) });
        await app.StartAsync();
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        }

        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        using (var http = new HttpClient(handler))
        {
            Assert.Equal("""{"status":"alive"}""", await http.GetStringAsync("http://localhost/healthz"));
        }

        await app.StopAsync();
        await app.DisposeAsync();
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task Build_StaleSocket_IsReplaced()
    {
        string path = Path.Combine(_directory, "af.sock");
        using (var dead = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            // Renamed, because a socket that is disposed takes its file along; one that is killed does not.
            dead.Bind(new UnixDomainSocketEndPoint(path + "~"));
            File.Move(path + "~", path);
        }

        Assert.True(File.Exists(path));
        WebApplication app = await AgentFlowApp.BuildAsync(Options with { Listen = new ListenAddress.Unix(path) });
        await app.StartAsync();
        await app.StopAsync();
        await app.DisposeAsync();
    }

    [Fact]
    public async Task Build_NeverStarted_LetsGoOfTheDatabase()
    {
        await (await AgentFlowApp.BuildAsync(Options)).DisposeAsync();
        await (await AgentFlowApp.BuildAsync(Options)).DisposeAsync();
    }

    [Fact]
    public async Task Start_PortInUse_FailsAndLetsGo()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        WebApplication app = await AgentFlowApp.BuildAsync(Options with { Listen = new ListenAddress.Tcp(IPAddress.Loopback, port) });
        await Assert.ThrowsAsync<IOException>(() => app.StartAsync());
        await app.DisposeAsync();
        await (await AgentFlowApp.BuildAsync(Options)).DisposeAsync();
    }

    [Fact]
    public async Task Build_ForeignSettings_OpenNoOtherDoor()
    {
        Environment.SetEnvironmentVariable("ASPNETCORE_URLS", "http://0.0.0.0:0");
        Environment.SetEnvironmentVariable("Kestrel__Endpoints__Http__Url", "http://0.0.0.0:0");
        try
        {
            WebApplication app = await AgentFlowApp.BuildAsync(Options);
            await app.StartAsync();
            Assert.StartsWith("http://127.0.0.1:", Assert.Single(app.Urls));
            await app.StopAsync();
            await app.DisposeAsync();
        }
        finally
        {
            Environment.SetEnvironmentVariable("ASPNETCORE_URLS", null);
            Environment.SetEnvironmentVariable("Kestrel__Endpoints__Http__Url", null);
        }
    }

    [Fact]
    public async Task Serve_InMemory_DoesEverythingAndLeavesNothing()
    {
        StoreAddress.Memory memory = Assert.IsType<StoreAddress.Memory>(StoreAddress.Parse("sqlite::memory:"));
        Assert.NotEqual(memory, StoreAddress.Parse("sqlite::memory:"));
        Assert.Equal(("sqlite::memory:", false), (memory.ToString(), memory.IsShared));
        await using (RunningServer server = await RunningServer.StartAsync(o => o with { Store = memory }))
        {
            await server.SaveAsync(Flows.Wait);
            string[] runs = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => server.StartAsync("wait")));
            await Task.WhenAll(runs.Select(async run =>
            {
                await server.InStatusAsync(run, "waiting");
                await server.PostAsync($"/api/v1/runs/{run}/signal", """{"name":"go","payload":"yes"}""");
                Assert.Equal("completed", (await server.EndAsync(run)).GetProperty("status").GetString());
            }));
            Assert.True((await server.PostAsync("/api/v1/audit/verify", null)).Json.GetProperty("intact").GetBoolean());
            Assert.Equal(20, (await server.GetAsync("/api/v1/runs")).Json.GetProperty("total_count").GetInt32());
            Assert.False(File.Exists(server.DatabasePath));
            Assert.True(Directory.Exists(memory.Folder), "the keys are files");
        }

        Assert.False(Directory.Exists(memory.Folder));
    }
}
