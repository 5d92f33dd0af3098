using System.Collections.Concurrent;
using System.Globalization;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Http;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Access.Quotas;

/// <summary>
/// What each tenant may have: what it was given, else the deployment's default, else as much as there is. Where nothing is
/// limited, asking costs a look into memory.
/// </summary>
/// <param name="isShared">Other processes set quotas too: what was read is believed for <see cref="BelievedFor"/>.</param>
internal sealed partial class TenantQuotas(IQuotaStore store, IReadOnlyDictionary<QuotaKind, long> defaults, bool isShared, TimeProvider clock, ILogger log)
{
    /// <summary>How long another process may go by what it has read before. As with keys and roles.</summary>
    public static readonly TimeSpan BelievedFor = TimeSpan.FromSeconds(5);

    // More tenants than this at once are read again: memory follows those of the last seconds.
    private const int MostKnown = 10_000;

    /// <summary>Measuring takes a look at all that a tenant has, and at most a twentieth of the time.</summary>
    private const int MeasuringShare = 20;

    private static readonly TimeSpan MeasuredFor = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, Known> _known = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, bool> _counted = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Measurement> _measured = new(StringComparer.Ordinal);

    public IQuotaStore Store => store;

    /// <summary>What a tenant may have of one kind, and who said so.</summary>
    public async ValueTask<Quota> OfAsync(string tenant, QuotaKind kind, CancellationToken cancellationToken)
    {
        if (!_known.TryGetValue(tenant, out Known? known) || (isShared && clock.GetElapsedTime(known.At) > BelievedFor))
        {
            if (_known.Count >= MostKnown)
            {
                _known.Clear();
            }

            long at = clock.GetTimestamp();
            known = new Known(await store.ReadAsync(tenant, cancellationToken).ConfigureAwait(false), at);
            _known[tenant] = known;
        }

        return known.Grants.TryGetValue(kind, out QuotaGrant own) ? new Quota(own.Most, QuotaSource.Tenant)
            : defaults.TryGetValue(kind, out long most) ? new Quota(most, QuotaSource.Default)
            : new Quota(null, QuotaSource.None);
    }

    /// <summary>Most runs of a tenant that may be going, for <see cref="Engine.Scheduling.StartRequest.MaxRuns"/>; they are counted once there is a limit.</summary>
    public async ValueTask<long?> MaxRunsAsync(string tenant, CancellationToken cancellationToken)
    {
        Quota quota = await OfAsync(tenant, QuotaKind.Runs, cancellationToken).ConfigureAwait(false);
        if (quota.Most is not null && !_counted.ContainsKey(tenant))
        {
            await store.CountRunsAsync(tenant, cancellationToken).ConfigureAwait(false);
            _counted[tenant] = true;
        }

        return quota.Most;
    }

    /// <summary>How many workflows a tenant may have, for the catalogue.</summary>
    public async ValueTask<CatalogueLimits> CatalogueAsync(string tenant, CancellationToken cancellationToken) => new(
        (await OfAsync(tenant, QuotaKind.Workflows, cancellationToken).ConfigureAwait(false)).Most,
        (await OfAsync(tenant, QuotaKind.WorkflowVersions, cancellationToken).ConfigureAwait(false)).Most);

    /// <summary>Holds that there is room for one more. Two who ask at the same time can both be let in.</summary>
    /// <param name="used">What the tenant has; asked only when there is a limit.</param>
    /// <exception cref="ProblemException"><c>QUOTA_EXCEEDED</c>.</exception>
    public async ValueTask RequireRoomAsync(string tenant, QuotaKind kind, Func<CancellationToken, ValueTask<long>> used, CancellationToken cancellationToken)
    {
        if ((await OfAsync(tenant, kind, cancellationToken).ConfigureAwait(false)).Most is { } most && await used(cancellationToken).ConfigureAwait(false) is var has && has >= most)
        {
            throw Exceeded(kind, most, has);
        }
    }

    /// <summary>Holds that there is room for one more agent; those that are counted are of every kind.</summary>
    /// <exception cref="ProblemException"><c>QUOTA_EXCEEDED</c>.</exception>
    public ValueTask RequireAgentAsync(string tenant, IAgentStore agents, CancellationToken cancellationToken) =>
        RequireRoomAsync(tenant, QuotaKind.Agents, async token => (await agents.StatsAsync(tenant, token).ConfigureAwait(false)).Total, cancellationToken);

    /// <summary>
    /// Holds that the tenant may store more, by what was measured last: at most a minute ago, or twenty times as long as measuring
    /// takes. What is written in between is beyond the limit.
    /// </summary>
    /// <exception cref="ProblemException"><c>QUOTA_EXCEEDED</c>.</exception>
    public ValueTask RequireStorageAsync(string tenant, CancellationToken cancellationToken) =>
        RequireRoomAsync(tenant, QuotaKind.Storage, token => StorageAsync(tenant, token), cancellationToken);

    /// <summary>Bytes that the tenant had stored when that was measured last.</summary>
    public async ValueTask<long> StorageAsync(string tenant, CancellationToken cancellationToken)
    {
        if (!_measured.TryGetValue(tenant, out Measurement? last))
        {
            last = await MeasureAsync(tenant, cancellationToken).ConfigureAwait(false);
        }
        else if (clock.GetElapsedTime(last.At) > last.Lasts && last.TryRenew())
        {
            _ = MeasureAgainAsync(tenant, last);
        }

        return last.Bytes;
    }

    /// <summary>Gives a tenant quotas, or takes them back. Runs are counted before a limit of them holds.</summary>
    public async ValueTask SetAsync(string tenant, IReadOnlyDictionary<QuotaKind, QuotaGrant?> grants, CancellationToken cancellationToken)
    {
        if (grants.GetValueOrDefault(QuotaKind.Runs)?.Most is not null)
        {
            await store.CountRunsAsync(tenant, cancellationToken).ConfigureAwait(false);
        }

        await store.SetAsync(tenant, grants, cancellationToken).ConfigureAwait(false);
        _known.TryRemove(tenant, out _);
        _measured.TryRemove(tenant, out _);
    }

    /// <param name="has">What the tenant has.</param>
    public static ProblemException Exceeded(QuotaKind kind, long most, long has) => new(
        ErrorCode.QuotaExceeded,
        string.Create(CultureInfo.InvariantCulture, $"This tenant may have {most} {Noun(kind)} and has {has}. Nothing was done; ask whoever operates the deployment for more (af tenants quota)."));

    private static string Noun(QuotaKind kind) => kind switch
    {
        QuotaKind.Runs => "runs at once",
        QuotaKind.Workflows => "workflows",
        QuotaKind.WorkflowVersions => "workflow versions",
        QuotaKind.Storage => "bytes stored",
        _ => "agents",
    };

    private async Task<Measurement> MeasureAsync(string tenant, CancellationToken cancellationToken)
    {
        long start = clock.GetTimestamp();
        // A store that answers in place would hold the caller's thread for as long as it takes.
        long bytes = await Task.Run(() => store.MeasureStorageAsync(tenant, cancellationToken).AsTask(), cancellationToken).ConfigureAwait(false);
        TimeSpan took = clock.GetElapsedTime(start);
        var measured = new Measurement(bytes, clock.GetTimestamp(), took * MeasuringShare > MeasuredFor ? took * MeasuringShare : MeasuredFor);
        if (_measured.Count >= MostKnown)
        {
            _measured.Clear();
        }

        return _measured[tenant] = measured;
    }

    private async Task MeasureAgainAsync(string tenant, Measurement last)
    {
        try
        {
            await MeasureAsync(tenant, CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // The number before holds meanwhile.
            NotMeasured(log, tenant, e.Message);
            last.Fail();
        }
    }

    private sealed record Known(IReadOnlyDictionary<QuotaKind, QuotaGrant> Grants, long At);

    private sealed record Measurement(long Bytes, long At, TimeSpan Lasts)
    {
        private int _renewing;

        /// <returns>False when somebody measures already.</returns>
        public bool TryRenew() => Interlocked.Exchange(ref _renewing, 1) == 0;

        public void Fail() => Volatile.Write(ref _renewing, 0);
    }

    [LoggerMessage(1, LogLevel.Warning, "What tenant {Tenant} stores could not be measured: {Reason}")]
    private static partial void NotMeasured(ILogger logger, string tenant, string reason);
}

/// <param name="Most"><see langword="null"/>: as much as there is.</param>
internal readonly record struct Quota(long? Most, QuotaSource Source);

/// <summary>Who said how much.</summary>
internal enum QuotaSource
{
    /// <summary>Nobody.</summary>
    None,

    /// <summary>The deployment's settings.</summary>
    Default,

    /// <summary>Whoever operates the deployment, for this tenant.</summary>
    Tenant,
}
