using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Postgres;
using AgentFlow.Storage.Tests.Compliance;

namespace AgentFlow.Storage.Tests.Postgres;

public sealed class PostgresAuditStoreTests(PostgresFixture fixture) : AuditStoreCompliance
{
    private static readonly PostgresOptions Options = new();

    private TemporaryPostgres? _postgres;

    protected override IAuditStore Audit => new PostgresAuditStore(_postgres!.Database);

    protected override IRunStore Runs => _postgres!.Store;

    public override async ValueTask InitializeAsync() => _postgres = await TemporaryPostgres.CreateAsync(fixture, Options);

    public override ValueTask DisposeAsync() => _postgres?.DisposeAsync() ?? default;

    [Fact]
    public async Task Lead_HeldByAnother_IsRefusedUntilItIsSilent()
    {
        await using TemporaryPostgres other = await _postgres!.JoinAsync(Options);
        var second = new PostgresAuditStore(other.Database);
        Assert.True(await Audit.LeadAsync(TimeSpan.FromHours(1), default));
        Assert.True(await Audit.LeadAsync(TimeSpan.FromHours(1), default));
        Assert.False(await second.LeadAsync(TimeSpan.FromHours(1), default));
        var head = default(AuditHead);
        Assert.False(await second.AppendAsync(AuditChain.Extend(ref head, [Note(1)]), AuditIntake.None, default));
        await _postgres.Cluster.ExecuteAsync($"UPDATE {_postgres.Schema}.audit_lease SET expires_at = clock_timestamp() - interval '1 second'");
        Assert.True(await second.LeadAsync(TimeSpan.FromHours(1), default));

        // Whoever was taken for dead appends nothing any more.
        head = default;
        Assert.False(await Audit.AppendAsync(AuditChain.Extend(ref head, [Note(1)]), AuditIntake.None, default));
        Assert.Empty(await Audit.ReadAsync("t1", 0, 10, default));
    }
}

public sealed class PostgresAuditChainTests(PostgresFixture fixture) : AuditChainCompliance
{
    private TemporaryPostgres? _postgres;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Sequencers_OfTwoProcessesTakingOverFromEachOther_ChainEachEventOnce(int seed)
    {
        await using TemporaryPostgres other = await _postgres!.JoinAsync(new PostgresOptions());

        // So short that either may take over in the middle of the other's batch.
        var options = new AuditOptions { SegmentRecords = 16, Batch = 8, Lease = TimeSpan.FromMilliseconds(2) };
        using var done = new CancellationTokenSource();
        Task[] chaining = [.. new[] { Audit, new PostgresAuditStore(other.Database) }.Select(store => Task.Run(async () =>
        {
            await using AuditSequencer sequencer = Sequencer(store, options: options);
            while (!done.IsCancellationRequested)
            {
                try
                {
                    await sequencer.RoundAsync(default);
                }
                catch (AuditRefusedException)
                {
                    // It was too slow three times.
                }
            }
        }))];
        Dictionary<Ulid, List<long>>[] committed = await Task.WhenAll(new[] { Runs, other.Store }.Select((runs, i) => Task.Run(async () =>
        {
            var random = new SeededRandom((ulong)((10 * seed) + i));
            var open = new List<(RunAppend, long)>();
            var expected = new Dictionary<Ulid, List<long>>();
            for (int step = 0; step < 150; step++)
            {
                await StepAsync(runs, random, open, expected);
            }

            return expected;
        })));
        await done.CancelAsync();
        await Task.WhenAll(chaining);
        await _postgres.Cluster.ExecuteAsync($"UPDATE {_postgres.Schema}.audit_lease SET expires_at = '-infinity'");
        await AssertChainedOnceAsync(committed.SelectMany(c => c).ToDictionary(), 0, seed);
    }

    protected override IAuditStore Audit => new PostgresAuditStore(_postgres!.Database);

    protected override IRunStore Runs => _postgres!.Store;

    protected override ICatalogue Catalogue => new PostgresCatalogue(_postgres!.Database);

    protected override Task ExecuteAsync(string sql) => _postgres!.Cluster.ExecuteAsync($"SET search_path TO {_postgres.Schema}; {sql}; SET search_path TO DEFAULT");

    protected override string Literal(byte[] bytes) => $@"'\x{Convert.ToHexString(bytes)}'";

    protected override async ValueTask OpenAsync() => _postgres = await TemporaryPostgres.CreateAsync(fixture, new PostgresOptions());

    protected override ValueTask CloseAsync() => _postgres?.DisposeAsync() ?? default;
}
