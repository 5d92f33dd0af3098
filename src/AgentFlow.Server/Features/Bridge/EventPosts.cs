using System.Collections.Concurrent;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Bridge;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Secrets;
using AgentFlow.Server.Http;
using AgentFlow.Tools;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>
/// Sends events to those who subscribed: each in its order, signed, one at a time and again until it is taken. How far each is stands
/// in the store, so that a restart goes on there; what was taken and not noted comes twice, with the same <c>event_id</c>.
/// </summary>
internal sealed partial class EventPosts(IBridgeEventStore events, ISecretSource secrets, WebCall web, EventSignal signal, TimeProvider clock, ILogger log) : BackgroundService
{
    /// <summary>Tries in a row that fail before a subscription is suspended: about a day.</summary>
    public const int MostFailures = 30;

    private const int PageSize = 100;

    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<Ulid, Task> _sending = new();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            Task next = signal.Next;
            try
            {
                foreach (BridgeSubscription subscription in await events.WaitingAsync(clock.GetUtcNow().ToUnixTimeMilliseconds(), stoppingToken).ConfigureAwait(false))
                {
                    // One that hangs keeps no other one waiting.
                    if (!_sending.TryGetValue(subscription.Id, out Task? sending) || sending.IsCompleted)
                    {
                        _sending[subscription.Id] = SendAsync(subscription, stoppingToken);
                    }
                }
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                NotSent(log, e.Message);
            }

            foreach ((Ulid id, Task sending) in _sending)
            {
                if (sending.IsCompleted)
                {
                    _sending.TryRemove(id, out _);
                }
            }

            // Not at each event: what comes within a moment is sent together.
            await Task.WhenAny(next, Task.Delay(Poll, clock, stoppingToken)).ConfigureAwait(false);
            if (stoppingToken.IsCancellationRequested)
            {
                await Task.WhenAll(_sending.Values).ConfigureAwait(false);
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task SendAsync(BridgeSubscription subscription, CancellationToken cancellationToken)
    {
        try
        {
            BridgeSubscription now = subscription;
            IReadOnlyList<BridgeEvent> page;
            do
            {
                page = await events.ReadAsync(now.Tenant, now.Cursor, PageSize, cancellationToken).ConfigureAwait(false);
                foreach (BridgeEvent happened in page)
                {
                    string? problem = now.Filter.Wants(happened) ? await PostAsync(now, happened, cancellationToken).ConfigureAwait(false) : null;
                    if (problem is not null)
                    {
                        await events.SaveProgressAsync(now.Tenant, Failed(now, problem), cancellationToken).ConfigureAwait(false);
                        return;
                    }

                    now = now with { Cursor = happened.Number, Failures = 0, NextAt = 0, Problem = "" };
                    if (now.Filter.Wants(happened))
                    {
                        await events.SaveProgressAsync(now.Tenant, now, cancellationToken).ConfigureAwait(false);
                    }
                }

                await events.SaveProgressAsync(now.Tenant, now, cancellationToken).ConfigureAwait(false);
            }
            while (page.Count == PageSize);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // What is left is sent after the restart.
        }
        catch (Exception e)
        {
            NotSent(log, e.Message);
        }
    }

    private BridgeSubscription Failed(BridgeSubscription subscription, string problem)
    {
        int failures = subscription.Failures + 1;
        DateTimeOffset now = clock.GetUtcNow();
        if (failures >= MostFailures)
        {
            Suspended(log, subscription.Id.ToString(), failures, problem);
        }

        TimeSpan delay = TimeSpan.FromSeconds(Math.Min(LongestDelay.TotalSeconds, Math.Pow(2, Math.Min(failures, 20) - 1)));
        return subscription with
        {
            Failures = failures,
            NextAt = (now + delay).ToUnixTimeMilliseconds(),
            Problem = problem.Length <= 500 ? problem : problem[..500],
            SuspendedAt = failures >= MostFailures ? now.ToUnixTimeMilliseconds() : null,
        };
    }

    /// <returns>Why it was not taken; <see langword="null"/> when it was.</returns>
    private async Task<string?> PostAsync(BridgeSubscription subscription, BridgeEvent happened, CancellationToken cancellationToken)
    {
        string? secret;
        try
        {
            secret = await secrets.FindAsync(subscription.Tenant, SecretReference.In(subscription.Secret).Single(), cancellationToken).ConfigureAwait(false);
        }
        catch (SecretUnavailableException e)
        {
            return e.Message;
        }

        if (secret is null)
        {
            return $"There is no {subscription.Secret} any more.";
        }

        ReadOnlyMemory<byte> body = BridgeEventText.Write(happened);
        (WebAnswer? answer, var error) = await web.SendAsync(
            new Uri(subscription.Url),
            body,
            [(DeliverySignature.Header, DeliverySignature.Of(secret, clock.GetUtcNow(), body.Span).ToString()), ("X-AgentFlow-Event", happened.Id), ("X-AgentFlow-Subscription", subscription.Id.ToString())],
            cancellationToken).ConfigureAwait(false);
        return answer is { Status: >= 200 and < 300 } ? null : error?.Message ?? $"It answered {answer!.Status}.";
    }

    [LoggerMessage(1, LogLevel.Warning, "Events of remote agents could not be sent to a subscriber; it is tried again. {Reason}")]
    private static partial void NotSent(ILogger logger, string reason);

    [LoggerMessage(2, LogLevel.Warning, "The subscription {Id} is suspended after {Failures} failures; af bridge subscriptions resume goes on where it stopped. {Reason}")]
    private static partial void Suspended(ILogger logger, string id, int failures, string reason);
}
