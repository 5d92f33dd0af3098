using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.Secrets;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Features.Activities;
using AgentFlow.Server.Features.Bridge.Tokens;
using AgentFlow.Tools;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>Everything about remote agents in one process, put together.</summary>
internal sealed class BridgeParts : IDisposable
{
    private readonly ILogger _log;
    private readonly HttpTransport _transport;
    private readonly WebCall _web;
    private readonly ReplyAddress _address;
    private TaskCourier? _courier;

    public BridgeParts(ServerOptions options, OpenStore store, SecretMask mask, IActivitySink activity, TimeProvider clock, ILogger log)
    {
        Settings = options.Bridge;
        mask.Add(Settings.Named);
        _log = log;
        Clock = clock;
        Mask = mask;
        Store = store;
        Activity = new BridgeActivity(activity);
        _address = new ReplyAddress(Settings.Url, options.Listen);
        bool isLocal = options.Access == AccessMode.Open;
        _transport = new HttpTransport(new HttpTransportOptions { Allow = AgentRules.Places(Settings, options.HttpAllow, isLocal) });
        _web = new WebCall(_transport, clock);
        Tokens = new AgentTokens(Settings, clock);
        Rules = new AgentRules(Settings, _transport);
        var pacing = new AgentPacing(Settings, clock);
        Choice = new AgentChoice(Settings, Rules, pacing, store.Agents, store.BridgeTasks);
        Tool = new RemoteAgentTool(Settings, Tokens, Choice, pacing, store.Agents, store.BridgeTasks, _web, _address, clock);
    }

    public BridgeSettings Settings { get; }

    public OpenStore Store { get; }

    public SecretMask Mask { get; }

    public BridgeActivity Activity { get; }

    public TimeProvider Clock { get; }

    public AgentTokens Tokens { get; }

    public AgentRules Rules { get; }

    public AgentChoice Choice { get; }

    public RemoteAgentTool Tool { get; }

    public EventSignal Signal { get; } = new();

    /// <summary>There once <see cref="Upkeep"/> was called.</summary>
    public TaskCourier Courier => _courier ?? throw new InvalidOperationException("Nobody looks after the tasks yet.");

    /// <summary>What runs as long as the server does.</summary>
    /// <param name="transport">On which subscribers are reached.</param>
    public IReadOnlyList<IHostedService> Upkeep(RunHost host, ISecretSource secrets, HttpTransport transport)
    {
        _courier = new TaskCourier(Store.BridgeTasks, host, _log);
        var probe = new AgentProbe(Settings, Store.Agents, _web, Clock, _log);
        return
        [
            new BridgeUpkeep(Settings, Store.Agents, Store.BridgeTasks, Store.BridgeEvents, _courier, probe, Clock, _log) { WentOffline = Activity.WentOffline },
            new EventPosts(Store.BridgeEvents, secrets, new WebCall(transport, Clock), Signal, Clock, _log),
        ];
    }

    /// <summary>Learns where the server listens, once it does: where nobody says otherwise, agents answer there.</summary>
    public void ListensAt(WebApplication app) => app.Lifetime.ApplicationStarted.Register(() =>
    {
        if (app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault() is { } url && Uri.TryCreate(url, UriKind.Absolute, out Uri? address))
        {
            _address.ListensAt(address.Port);
        }
    });

    public void Dispose() => _transport.Dispose();
}
