using AgentFlow.Engine.Access;
using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Postgres;
using AgentFlow.Storage.Tests.Compliance;

namespace AgentFlow.Storage.Tests.Postgres;

/// <summary>Two processes on the same tables.</summary>
public sealed class PostgresQuotaStoreTests(PostgresFixture fixture) : QuotaCompliance
{
    private TemporaryPostgres? _one;
    private TemporaryPostgres? _other;

    protected override IQuotaStore Quotas => new PostgresQuotaStore(_one!.Database);

    protected override ICatalogue Catalogue => new PostgresCatalogue(_one!.Database);

    protected override IReadOnlyList<IRunStore> Stores => [_one!.Store, _other!.Store];

    public override async ValueTask InitializeAsync()
    {
        _one = await TemporaryPostgres.CreateAsync(fixture, new PostgresOptions());
        _other = await _one.JoinAsync(new PostgresOptions());
    }

    public override async ValueTask DisposeAsync()
    {
        if (_other is not null)
        {
            await _other.DisposeAsync();
        }

        if (_one is not null)
        {
            await _one.DisposeAsync();
        }
    }

    [Fact]
    public async Task CountRuns_FromEveryProcessAtOnce_IsTheSameCount()
    {
        for (int i = 0; i < 5; i++)
        {
            await _one!.Store.WriteAsync(Writing.Creation(then: RowChange.Park));
        }

        string tenant = Writing.Creation().Tenant;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(async () => await new PostgresQuotaStore((i % 2 == 0 ? _one : _other)!.Database).CountRunsAsync(tenant, default))));
        Assert.Equal(5, await Quotas.RunsAsync(tenant, default));
    }

    /// <summary>A process that begins after the count knows of it with its first commit.</summary>
    [Fact]
    public async Task CountRuns_ThenAnotherProcessStarts_ItCounts()
    {
        string tenant = Writing.Creation().Tenant;
        await Quotas.CountRunsAsync(tenant, default);
        await using TemporaryPostgres late = await _one!.JoinAsync();
        await late.Store.WriteAsync(Writing.Creation(then: RowChange.Park));
        Assert.Equal(1, await Quotas.RunsAsync(tenant, default));
    }
}
