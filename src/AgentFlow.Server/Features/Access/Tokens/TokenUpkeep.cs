using AgentFlow.Engine.Access;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary>Keeps what this process knows of revocations and retired keys young, and the store free of what has expired.</summary>
internal sealed partial class TokenUpkeep(Revocations revocations, SigningKeys keys, ITokenStore store, TimeProvider clock, ILogger log) : BackgroundService
{
    private static readonly TimeSpan Cleaning = TimeSpan.FromHours(1);

    private DateTimeOffset _cleanAt;

    // Until a failed round is followed by another one, tokens are believed for a while and then not at all.
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Rounds.RepeatAsync(LookAsync, Revocations.Interval, clock, e => NotRead(log, e.Message), stoppingToken);

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        await revocations.ReadAsync(cancellationToken).ConfigureAwait(false);
        await keys.FollowAsync(cancellationToken).ConfigureAwait(false);
        if (clock.GetUtcNow() >= _cleanAt)
        {
            _cleanAt = clock.GetUtcNow() + Cleaning;
            await store.ForgetExpiredAsync(clock.GetUtcNow().ToUnixTimeMilliseconds(), cancellationToken).ConfigureAwait(false);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "What has been revoked cannot be read; tokens are refused once that lasts. {Reason}")]
    private static partial void NotRead(ILogger logger, string reason);
}
