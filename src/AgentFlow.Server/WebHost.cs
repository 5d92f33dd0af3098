using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Access.Limits;
using AgentFlow.Server.Features.Config;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Features.Monitoring;
using AgentFlow.Server.Http;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server;

/// <summary>The web server under the endpoints: where it listens, what it takes, and what every request passes.</summary>
internal static partial class WebHost
{
    public static WebApplication Build(ServerOptions options, ILoggerFactory logs, HostedEngine engine, IReadOnlyList<IHostedService> upkeep, IIdentity identity, AuditRecorder recorder, ConfigBook config, EndpointLatencies latencies, TimeProvider clock)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        // Only this product's settings decide: an ASPNETCORE_URLS or appsettings.json lying about must not open another door.
        builder.Configuration.Sources.Clear();
        builder.Services.AddSingleton(logs);
        // Through a factory, so that the container disposes it.
        builder.Services.AddSingleton<IHostedService>(_ => engine);
        foreach (IHostedService service in upkeep)
        {
            builder.Services.AddSingleton(_ => service);
        }

        var anonymous = new AnonymousRefusals(recorder, clock, logs.CreateLogger("AgentFlow.Access"));
        builder.Services.AddSingleton<IHostedService>(_ => anonymous);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.ShutdownTimeout * 2);
        if (!options.HandlesSignals)
        {
            builder.Services.AddSingleton<IHostLifetime, SilentLifetime>();
        }

        TlsCertificates? certificates = options.Tls is { } tls ? new TlsCertificates(tls, clock, logs.CreateLogger("AgentFlow.Tls")) : null;
        builder.WebHost.ConfigureKestrel(kestrel => Configure(kestrel, options.Listen, certificates));
        builder.Services.Configure<SocketTransportOptions>(transport => transport.CreateBoundListenSocket = Bind);
        builder.Services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, ServerJson.Default);
            json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            json.SerializerOptions.NumberHandling = JsonNumberHandling.Strict;
        });
        builder.Services.AddApiDescription();
        WebApplication app = builder.Build();
        app.Services.GetServices<IHostedService>();
        ILogger log = logs.CreateLogger("AgentFlow.Http");
        app.Use(next => new LatencyMiddleware(next, latencies, clock).InvokeAsync);
        app.Use(next => new ProblemMiddleware(next, log).InvokeAsync);
        app.Use(next => new RefusalAudit(next, recorder, anonymous).InvokeAsync);
        if (options.Access == AccessMode.Open && options.Listen is ListenAddress.Tcp)
        {
            app.Use(next => new LoopbackGuard(next, options.CorsOrigins).InvokeAsync);
        }

        app.Use(next => new CrossOrigin(next, options.CorsOrigins).InvokeAsync);

        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.FromSeconds(15) });
        app.Use(next => new PrincipalMiddleware(next, identity).InvokeAsync);
        UseRates(app, options, clock);

        app.Use(next => new ReadAudit(next, recorder, async (tenant, cancelled) => (await config.OfAsync(tenant, cancelled).ConfigureAwait(false)).Switch("AF_AUDIT_READS") ?? options.Audit.Reads).InvokeAsync);
        return app;
    }

    private static void UseRates(WebApplication app, ServerOptions options, TimeProvider clock)
    {
        RateLimiter? Limiter(RateLimit? limit) => limit is null ? null : new RateLimiter(limit, clock);
        RateLimiter? callers = Limiter(options.CallerRate);
        RateLimiter? tenants = Limiter(options.TenantRate);
        // An area without a rate of its own is counted with the rest.
        RatedArea[] areas =
        [
            .. from area in new[] { (Rate: options.BridgeRate, Beginnings: RatedArea.Bridge), (Rate: options.StressRate, Beginnings: RatedArea.StressTests) }
               where area.Rate is not null
               select new RatedArea(Limiter(area.Rate!.Value.Limit), area.Beginnings),
        ];
        if ((callers ?? tenants) is not null || areas.Any(a => a.Callers is not null))
        {
            app.Use(next => new RateLimitMiddleware(next, callers, tenants, areas).InvokeAsync);
        }
    }

    /// <summary>Says where the server listens, once it does.</summary>
    public static void Announce(WebApplication app, ServerOptions options, ILogger log)
    {
        if (!options.Listen.IsLocal && options.Tls is null)
        {
            Warning(log, $"{options.Listen} is plain HTTP that other machines reach: API keys and tokens can be read on the way. Set AF_TLS_CERT and AF_TLS_KEY, or put a proxy that does TLS before it.");
        }

        foreach (string warning in options.Warnings)
        {
            Warning(log, warning);
        }

        app.Lifetime.ApplicationStarted.Register(() =>
        {
            string store = options.Store.ToString();
            if (options.Listen is ListenAddress.Unix socket)
            {
                ListeningOnSocket(log, socket.Path, store);
                return;
            }

            string who = options.Access == AccessMode.Open ? "this machine only" : options.Listen.IsLocal ? "this machine only, callers are asked who they are" : "callers are asked who they are";
            string url = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
            if (options.Mode == ProcessMode.Data)
            {
                Executing(log, store, url, who);
            }
            else
            {
                Listening(log, url, who, store, url);
            }
        });
    }

    private static void Configure(KestrelServerOptions kestrel, ListenAddress listen, TlsCertificates? certificates)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = RequestBody.MaxBytes;
        kestrel.Limits.MaxRequestHeadersTotalSize = 32 * 1024;
        kestrel.Limits.MaxRequestLineSize = 16 * 1024;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        kestrel.Limits.MaxConcurrentUpgradedConnections = 4096;
        switch (listen)
        {
            case ListenAddress.Tcp tcp:
                kestrel.Listen(new IPEndPoint(tcp.Address, tcp.Port), endpoint =>
                {
                    endpoint.Protocols = HttpProtocols.Http1;
                    if (certificates is not null)
                    {
                        endpoint.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => new(certificates.Current), HandshakeTimeout = TimeSpan.FromSeconds(10) });
                    }
                });
                break;
            case ListenAddress.Unix socket:
                ClearStaleSocket(socket.Path);
                kestrel.ListenUnixSocket(socket.Path, endpoint => endpoint.Protocols = HttpProtocols.Http1);
                break;
        }
    }

    /// <summary>A socket file outlives a process that was killed; it is removed when nobody answers behind it.</summary>
    private static void ClearStaleSocket(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        if (!File.Exists(path))
        {
            return;
        }

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException)
        {
            File.Delete(path);
        }
    }

    /// <summary>A socket file belongs to its user before anybody can connect to it: that takes the listening that follows.</summary>
    private static Socket Bind(EndPoint endpoint)
    {
        Socket bound = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
        if (endpoint is UnixDomainSocketEndPoint && !OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(endpoint.ToString()!, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        return bound;
    }

    [LoggerMessage(1, LogLevel.Information, "AgentFlow listens on {Url} ({Who}), store {Store}, docs at {Docs}/docs")]
    private static partial void Listening(ILogger logger, string url, string who, string store, string docs);

    [LoggerMessage(2, LogLevel.Information, "AgentFlow listens on unix:{Path} (this user only), store {Store}")]
    private static partial void ListeningOnSocket(ILogger logger, string path, string store);

    [LoggerMessage(4, LogLevel.Information, "AgentFlow executes the runs of {Store}; health at {Url}/readyz ({Who})")]
    private static partial void Executing(ILogger logger, string store, string url, string who);

    [LoggerMessage(3, LogLevel.Warning, "{Warning}")]
    private static partial void Warning(ILogger logger, string warning);

    /// <summary>Leaves Ctrl+C and SIGTERM to whoever hosts the server.</summary>
    private sealed class SilentLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
