using AgentFlow.Engine.Audit;
using AgentFlow.Server.Http;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Audit;

/// <summary>Posts checkpoints to an address, so that somebody elsewhere has a copy. Tries a few times; nobody waits for it.</summary>
internal sealed partial class AuditWebhook : IAsyncDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = TimeSpan.FromSeconds(10) };
    private readonly Deliveries<AuditCheckpoint> _deliveries;
    private readonly Uri _address;

    public AuditWebhook(Uri address, TimeProvider clock, ILogger log)
    {
        _address = address;
        _deliveries = new(ProblemAsync, (checkpoint, problem) => NotPosted(log, checkpoint.Tenant, checkpoint.Size, problem), clock);
    }

    /// <summary>Returns at once.</summary>
    public void Post(AuditCheckpoint checkpoint) => _deliveries.Add(checkpoint);

    public async ValueTask DisposeAsync()
    {
        await _deliveries.DisposeAsync().ConfigureAwait(false);
        _http.Dispose();
    }

    private async Task<string?> ProblemAsync(AuditCheckpoint checkpoint, CancellationToken stop)
    {
        try
        {
            using var content = new ByteArrayContent(checkpoint.ToJson());
            content.Headers.ContentType = new("application/json");
            using HttpResponseMessage answer = await _http.PostAsync(_address, content, stop).ConfigureAwait(false);
            return answer.IsSuccessStatusCode ? null : $"status {(int)answer.StatusCode}";
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException && !stop.IsCancellationRequested)
        {
            return e.Message;
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "The checkpoint of tenant {Tenant} at {Size} records was not taken by the audit webhook: {Reason}. The witness file has it")]
    private static partial void NotPosted(ILogger logger, string tenant, long size, string reason);
}
