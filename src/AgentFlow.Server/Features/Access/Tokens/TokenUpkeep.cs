using AgentFlow.Engine.Access;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary>Keeps what this process knows of revocations and retired keys young, and the store free of what has expired.</summary>
internal sealed partial class TokenUpkeep(Revocations revocations, SigningKeys keys, ITokenStore store, TimeProvider clock, ILogger log) : BackgroundService
{
    private static readonly TimeSpan Cleaning = TimeSpan.FromHours(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        DateTimeOffset cleanAt = clock.GetUtcNow();
        using var ticks = new PeriodicTimer(Revocations.Interval, clock);
        do
        {
            try
            {
                await revocations.ReadAsync(stoppingToken).ConfigureAwait(false);
                await keys.FollowAsync(stoppingToken).ConfigureAwait(false);
                if (clock.GetUtcNow() >= cleanAt)
                {
                    cleanAt = clock.GetUtcNow() + Cleaning;
                    await store.ForgetExpiredAsync(clock.GetUtcNow().ToUnixTimeMilliseconds(), stoppingToken).ConfigureAwait(false);
                }
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // Whatever it is, the next try may succeed; until then tokens are believed for a while and then not at all.
                NotRead(log, e.Message);
            }
        }
        while (await ticks.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
    }

    [LoggerMessage(1, LogLevel.Warning, "What has been revoked cannot be read; tokens are refused once that lasts. {Reason}")]
    private static partial void NotRead(ILogger logger, string reason);
}
