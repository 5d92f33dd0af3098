using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Server.Configuration;
using AgentFlow.Storage.Files;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Audit;

/// <summary>Everything that keeps the audit of one process: key, witness, sequencer, and who looks at the result.</summary>
internal sealed class AuditKeeping : IAsyncDisposable
{
    private readonly AuditKey _key;
    private readonly AuditWebhook? _webhook;
    private readonly AuditSequencer _sequencer;

    /// <exception cref="OptionsException">The key cannot be used.</exception>
    public AuditKeeping(ServerOptions options, OpenStore store, DefinitionCache definitions, TimeProvider clock, ILogger log)
    {
        AuditSettings settings = options.Audit;
        _key = AuditKeyFile.Open(settings.KeyPath(options.Store));
        _webhook = settings.Webhook is { } address ? new AuditWebhook(address, clock, log) : null;
        var witness = new FileWitness(settings.WitnessPath(options.Store));
        _sequencer = new AuditSequencer(
            settings.Options with { Lease = options.Lease }, store.Audit, store.Runs, definitions, witness, _key, clock, log,
            settings.Export is { } folder ? new FileArchive(folder) : null,
            _webhook is null ? null : _webhook.Post);
        Inspector = new AuditInspector(store.Audit, witness, _key, _sequencer, clock);
        Store = store.Audit;
    }

    public IAuditStore Store { get; }

    public AuditInspector Inspector { get; }

    public void Begin() => _sequencer.Begin();

    public Task StopAsync(CancellationToken cancellationToken) => _sequencer.StopAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _sequencer.DisposeAsync().ConfigureAwait(false);
        if (_webhook is not null)
        {
            await _webhook.DisposeAsync().ConfigureAwait(false);
        }

        _key.Dispose();
    }
}
