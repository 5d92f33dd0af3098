using System.Threading.Channels;
using AgentFlow.Engine.Audit;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Audit;

/// <summary>Posts checkpoints to an address, so that somebody elsewhere has a copy. Tries a few times; nobody waits for it.</summary>
internal sealed partial class AuditWebhook : IAsyncDisposable
{
    private const int Attempts = 5;

    private readonly Channel<AuditCheckpoint> _waiting = Channel.CreateBounded<AuditCheckpoint>(new BoundedChannelOptions(1000) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
    private readonly CancellationTokenSource _stop = new();
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false }) { Timeout = TimeSpan.FromSeconds(10) };
    private readonly Uri _address;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly Task _loop;

    public AuditWebhook(Uri address, TimeProvider clock, ILogger log)
    {
        (_address, _clock, _log) = (address, clock, log);
        _loop = Task.Run(PostAllAsync, CancellationToken.None);
    }

    /// <summary>Returns at once.</summary>
    public void Post(AuditCheckpoint checkpoint) => _waiting.Writer.TryWrite(checkpoint);

    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        _stop.CancelAfter(TimeSpan.FromSeconds(2));
        await _loop.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
        _http.Dispose();
    }

    private async Task PostAllAsync()
    {
        await foreach (AuditCheckpoint checkpoint in _waiting.Reader.ReadAllAsync(_stop.Token).ConfigureAwait(false))
        {
            TimeSpan pause = TimeSpan.FromMilliseconds(200);
            for (int attempt = 1; !await TryPostAsync(checkpoint, last: attempt == Attempts).ConfigureAwait(false) && attempt < Attempts; attempt++)
            {
                await Task.Delay(pause, _clock, _stop.Token).ConfigureAwait(false);
                pause *= 4;
            }
        }
    }

    private async Task<bool> TryPostAsync(AuditCheckpoint checkpoint, bool last)
    {
        string reason;
        try
        {
            using var content = new ByteArrayContent(checkpoint.ToJson());
            content.Headers.ContentType = new("application/json");
            using HttpResponseMessage answer = await _http.PostAsync(_address, content, _stop.Token).ConfigureAwait(false);
            if (answer.IsSuccessStatusCode)
            {
                return true;
            }

            reason = $"status {(int)answer.StatusCode}";
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException && !_stop.IsCancellationRequested)
        {
            reason = e.Message;
        }

        if (last)
        {
            NotPosted(_log, checkpoint.Tenant, checkpoint.Size, reason);
        }

        return false;
    }

    [LoggerMessage(1, LogLevel.Warning, "The checkpoint of tenant {Tenant} at {Size} records was not taken by the audit webhook: {Reason}. The witness file has it")]
    private static partial void NotPosted(ILogger logger, string tenant, long size, string reason);
}
