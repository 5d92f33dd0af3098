using System.Net;
using AgentFlow.Farm.History;
using AgentFlow.Farm.StressTests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AgentFlow.Farm.Http;

/// <summary>Where FARM listens and what it keeps.</summary>
/// <param name="Listen">Port 0 takes a free one.</param>
/// <param name="HistoryFile">The SQLite file of the stress tests.</param>
/// <param name="AllowedTargets">Hosts that may be tested; <see langword="null"/>: any, which only a loopback address allows.</param>
public sealed record FarmServerOptions(IPEndPoint Listen, string HistoryFile, IReadOnlyCollection<string>? AllowedTargets = null)
{
    public StressTestOptions Tests { get; init; } = new();

    public TimeProvider Clock { get; init; } = TimeProvider.System;
}

/// <summary>FARM behind HTTP: its generator, its stress tests, their history.</summary>
public sealed class FarmServer : IAsyncDisposable
{
    private const long MostBodyBytes = 64 << 10;
    private readonly WebApplication _app;
    private readonly RunHistory _history;
    private readonly TestBench _bench;

    private FarmServer(WebApplication app, RunHistory history, TestBench bench) => (_app, _history, _bench) = (app, history, bench);

    /// <summary>Where it really listens.</summary>
    public string Url => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    /// <exception cref="HistoryException">The history cannot be used.</exception>
    /// <exception cref="IOException">The address is taken.</exception>
    /// <exception cref="ArgumentException">The address is for others to reach, and no targets are named.</exception>
    public static async Task<FarmServer> StartAsync(FarmServerOptions options, CancellationToken cancelled)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (!IPAddress.IsLoopback(options.Listen.Address) && options.AllowedTargets is null)
        {
            throw new ArgumentException($"{options.Listen} is for other machines to reach, and FARM asks nobody who they are: name the platforms that they may have tested with --allow-target.");
        }

        var history = new RunHistory(options.HistoryFile, options.Clock);
        var bench = new TestBench(history, options.Tests, options.Clock);
        WebApplication app = Build(options, new StressTestEndpoints(bench, history, new TargetRule(options.AllowedTargets)));
        var server = new FarmServer(app, history, bench);
        try
        {
            await app.StartAsync(cancelled).ConfigureAwait(false);
            return server;
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        // Tests first: requests that wait for them end with them.
        await _bench.DisposeAsync().ConfigureAwait(false);
        await _app.DisposeAsync().ConfigureAwait(false);
        _history.Dispose();
    }

    private static WebApplication Build(FarmServerOptions options, StressTestEndpoints tests)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton<IHostLifetime, SilentLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(2));
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MostBodyBytes;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
            kestrel.Limits.MaxConcurrentConnections = 1024;
            // What stands in the pipe counts against a stream's reader: little, so that it is held back early.
            kestrel.Limits.MaxResponseBufferSize = 64 << 10;
            kestrel.Listen(options.Listen, endpoint => endpoint.Protocols = HttpProtocols.Http1);
        });
        WebApplication app = builder.Build();
        app.Use(next => new Boundary(next, IPAddress.IsLoopback(options.Listen.Address)).InvokeAsync);
        app.UseRouting();
        app.MapGet("/healthz", (RequestDelegate)(static context => Answers.BytesAsync(context, "{\"status\":\"ok\"}"u8.ToArray())));
        app.MapGenerators(options.Clock);
        tests.Map(app);
        return app;
    }

    /// <summary>Leaves Ctrl+C and SIGTERM to whoever hosts the server.</summary>
    private sealed class SilentLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
