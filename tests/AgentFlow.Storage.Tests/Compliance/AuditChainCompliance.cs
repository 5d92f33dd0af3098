using System.Globalization;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Storage.Files;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentFlow.Storage.Tests.Compliance;

/// <summary>
/// Whole chains in a real store: made by the sequencer, interrupted anywhere, and tampered with by somebody who owns the database
/// but neither the key nor the witness.
/// </summary>
public abstract class AuditChainCompliance : IAsyncLifetime
{
    protected const string Tenant = "t1";
    private const int Segment = 16;
    private static readonly UlidFactory Ids = new(TimeProvider.System, CryptographicRandom.Shared);

    private readonly string _folder = Directory.CreateTempSubdirectory("af-audit-").FullName;
    private readonly AuditKey _key = AuditKey.Parse(AuditKey.NewPem());

    protected abstract IAuditStore Audit { get; }

    protected abstract IRunStore Runs { get; }

    protected abstract ICatalogue Catalogue { get; }

    /// <summary>Runs statements as whoever owns the database.</summary>
    protected abstract Task ExecuteAsync(string sql);

    /// <summary>A literal of bytes.</summary>
    protected abstract string Literal(byte[] bytes);

    protected abstract ValueTask OpenAsync();

    protected abstract ValueTask CloseAsync();

    public ValueTask InitializeAsync() => OpenAsync();

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        _key.Dispose();
        Directory.Delete(_folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    private FileWitness Witness => new(Path.Combine(_folder, "witness.jsonl"));

    protected AuditSequencer Sequencer(IAuditStore? store = null, IAuditWitness? witness = null, AuditOptions? options = null, IAuditArchive? archive = null) => new(
        options ?? new AuditOptions { SegmentRecords = Segment, Batch = 8, Lease = TimeSpan.FromHours(1) },
        store ?? Audit, Runs, new DefinitionCache(Catalogue, _ => throw new NotSupportedException()), witness ?? Witness, _key, TimeProvider.System, NullLogger.Instance, archive);

    private async Task<AuditReport> VerifyAsync(string tenant = Tenant)
    {
        var verifier = new AuditVerifier(tenant, await Audit.CheckpointsAsync(tenant, default), Witness.Read(tenant), _key.IsSigned);
        foreach (AuditRecord record in await AllAsync(tenant))
        {
            verifier.Add(record);
        }

        return verifier.Finish();
    }

    private async Task<List<AuditRecord>> AllAsync(string tenant = Tenant) => [.. await Audit.ReadAsync(tenant, 0, 1_000_000, default)];

    private async Task NoteAsync(int from, int count, string tenant = Tenant)
    {
        var batch = new CommitBatch();
        for (int i = from; i < from + count; i++)
        {
            batch.Notes.Add(new NoteAppend
            {
                Note = new AuditNote(tenant, 1_700_000_000_000 + i, $"user:{i % 7}", "run.cancel", $"run:{i}", AuditDecision.Allowed, Payload.FromText(string.Create(CultureInfo.InvariantCulture, $$"""{"i":{{i}}}""")), ""),
            });
        }

        await Runs.CommitAsync(batch, default);
    }

    /// <summary>Chains until everything is chained; a store may show what was committed a moment later.</summary>
    private async Task ChainAsync(long size, string tenant = Tenant)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await using AuditSequencer sequencer = Sequencer();
        while ((await Audit.HeadAsync(tenant, limit.Token)).Size < size)
        {
            await sequencer.RoundAsync(limit.Token);
        }
    }

    [Fact]
    public async Task Verify_AThousandRandomTamperings_FindsAndLocatesEachOne()
    {
        await NoteAsync(0, 61);
        await ChainAsync(61);
        await NoteAsync(61, 28);
        await ChainAsync(89);
        List<AuditRecord> records = await AllAsync();
        IReadOnlyList<AuditCheckpoint> checkpoints = await Audit.CheckpointsAsync(Tenant, default);
        Assert.True((await VerifyAsync()).IsIntact);
        Assert.InRange(checkpoints.Count, 3, 6);

        ulong seed = (ulong)Random.Shared.NextInt64();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var attacker = new Attacker(new SeededRandom(seed), records, checkpoints);
        var kinds = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < 1000; i++)
        {
            Tampering tampering = attacker.Next();
            kinds[tampering.Kind] = kinds.GetValueOrDefault(tampering.Kind) + 1;
            await ReplaceAsync(tampering.Records, tampering.Checkpoints);
            AuditReport report = await VerifyAsync();
            Assert.True(
                report.Findings.Any(f => f.From - 1 <= tampering.At && tampering.At <= f.To + 1),
                $"seed {seed}, number {i}: {tampering.Kind} at {tampering.At} was {(report.IsIntact ? "not found" : $"placed at {string.Join("; ", report.Findings)}")}");
        }

        Assert.True(kinds.Count == Attacker.Kinds, string.Join(", ", kinds));
        await ReplaceAsync(records, checkpoints);
        Assert.True((await VerifyAsync()).IsIntact);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Sequencer_InterruptedAnywhere_ChainsEachEventOnce(int seed)
    {
        var random = new SeededRandom((ulong)seed);
        var expected = new Dictionary<Ulid, List<long>>();
        var open = new List<(RunAppend Run, long Next)>();
        int notes = 0;
        for (int life = 0; life < 25; life++)
        {
            for (int i = 0; i < 12; i++)
            {
                await StepAsync(Runs, random, open, expected);
            }

            await NoteAsync(notes, 3);
            notes += 3;
            await using AuditSequencer sequencer = Sequencer(new FaultyStore(Audit, random), new FaultyWitness(Witness, random));
            try
            {
                await sequencer.RoundAsync(default);
            }
            catch (PlantedException)
            {
                // The next life goes on.
            }
        }

        await AssertChainedOnceAsync(expected, notes, seed);
    }

    /// <summary>Chains the rest and looks for each event that was committed.</summary>
    protected async Task AssertChainedOnceAsync(IReadOnlyDictionary<Ulid, List<long>> expected, int notes, int seed)
    {
        await ChainAsync(notes + expected.Values.Sum(s => s.Count));
        List<AuditRecord> records = await AllAsync();
        AuditReport report = await VerifyAsync();
        Assert.True(report.IsIntact, $"seed {seed}: {string.Join("; ", report.Findings)}");
        Assert.Equal(notes, records.Count(r => r.Note.Action == "run.cancel"));
        ILookup<string, long> seen = records.Where(r => r.Note.Action != "run.cancel").ToLookup(r => r.Note.Resource.Split('/')[0], r => JsonElement.Parse(r.Note.Details.Utf8.Span).GetProperty("seq").GetInt64());
        Assert.Equal(expected.Count, seen.Count);
        Assert.All(expected, e => Assert.Equal(e.Value, seen[$"run:{e.Key}"]));
    }

    [Fact]
    public async Task Retire_OldSegments_KeepsTheRestVerifiable()
    {
        await NoteAsync(0, 100);
        await ChainAsync(100);
        long sealedAt = (await Audit.CheckpointsAsync(Tenant, default)).Max(c => c.Size);
        string exports = Path.Combine(_folder, "export");
        await using (AuditSequencer sequencer = Sequencer(options: new AuditOptions { SegmentRecords = 1000, Retention = TimeSpan.Zero, Lease = TimeSpan.FromHours(1) }, archive: new FileArchive(exports)))
        {
            await sequencer.RoundAsync(default);
        }

        AuditReport report = await VerifyAsync();
        Assert.True(report.IsIntact, string.Join("; ", report.Findings));
        Assert.Equal(sealedAt, report.First);
        string[] lines = File.ReadAllLines(Assert.Single(Directory.GetFiles(exports)));
        Assert.Equal(sealedAt, lines.Count(l => AuditLine.Parse(System.Text.Encoding.UTF8.GetBytes(l)).Record is { } r && AuditChain.IsWhole(r)));

        // More than was signed off is missing.
        await ExecuteAsync($"DELETE FROM audits WHERE number = {sealedAt}");
        Assert.Contains((await VerifyAsync()).Findings, f => f is { Fault: AuditFault.Removed } && f.From == sealedAt);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Retire_InterruptedAnywhere_ExportsEachRecordAndStaysGreen(int seed)
    {
        var random = new SeededRandom((ulong)seed);
        string exports = Path.Combine(_folder, "export");
        var options = new AuditOptions { SegmentRecords = Segment, Batch = 8, Retention = TimeSpan.Zero, Lease = TimeSpan.FromHours(1) };
        const int lives = 40;
        for (int life = 0; life < lives; life++)
        {
            await NoteAsync(life * 5, 5);
            await using AuditSequencer sequencer = Sequencer(new FaultyStore(Audit, random), new FaultyWitness(Witness, random), options, new FileArchive(exports));
            try
            {
                await sequencer.RoundAsync(default);
            }
            catch (PlantedException)
            {
                // The next life goes on.
            }
        }

        await using (AuditSequencer last = Sequencer(options: options, archive: new FileArchive(exports)))
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            while (!(await Audit.ReadIntakeAsync(1, limit.Token)).IsEmpty)
            {
                await last.RoundAsync(limit.Token);
            }
        }

        AuditReport report = await VerifyAsync();
        Assert.True(report.IsIntact && report.First > 0, $"seed {seed}: from {report.First}: {string.Join("; ", report.Findings)}");
        Assert.Equal(
            Witness.Read(Tenant)!.Where(c => c.Kind != AuditCheckpointKind.Head).Select(c => (c.Kind, c.Size)).Distinct().Order(),
            (await Audit.CheckpointsAsync(Tenant, default)).Select(c => (c.Kind, c.Size)).Order());

        // A crash behind an export repeats it, perhaps together with what has become old since.
        IEnumerable<AuditRecord> exported = Directory.GetFiles(exports, "*.jsonl").SelectMany(File.ReadAllLines)
            .Select(l => AuditLine.Parse(System.Text.Encoding.UTF8.GetBytes(l)).Record).OfType<AuditRecord>();
        List<AuditRecord> all = [.. exported.Concat(await AllAsync()).DistinctBy(r => r.Number).OrderBy(r => r.Number)];
        Assert.Equal(Enumerable.Range(0, (int)report.Size).Select(n => (long)n), all.Select(r => r.Number));
        Assert.Equal(Enumerable.Range(0, lives * 5).Select(i => $"run:{i}"), all.Where(r => r.Note.Action == "run.cancel").Select(r => r.Note.Resource));
    }

    [Fact]
    public async Task Seal_WitnessLineTorn_IsWrittenAgain()
    {
        await NoteAsync(0, 40);
        await ChainAsync(40);
        string witness = Path.Combine(_folder, "witness.jsonl");
        string[] lines = File.ReadAllLines(witness);
        await ExecuteAsync("DELETE FROM audit_checkpoints WHERE size = (SELECT max(size) FROM audit_checkpoints)");
        File.WriteAllText(witness, string.Join('\n', lines[..^1]) + "\n" + lines[^1][..20]);
        await NoteAsync(40, 20);
        await ChainAsync(60);
        AuditReport report = await VerifyAsync();
        Assert.True(report.IsIntact, string.Join("; ", report.Findings));
        Assert.True((await Audit.CheckpointsAsync(Tenant, default)).Max(c => c.Size) > 40);
    }

    [Fact]
    public async Task Retire_SealedRecordChanged_IsKept()
    {
        await NoteAsync(0, 40);
        await ChainAsync(40);
        await ExecuteAsync("UPDATE audits SET actor = 'nobody' WHERE number = 5");
        await using AuditSequencer sequencer = Sequencer(options: new AuditOptions { Retention = TimeSpan.Zero, Lease = TimeSpan.FromHours(1) }, archive: new FileArchive(Path.Combine(_folder, "export")));
        await Assert.ThrowsAsync<IOException>(() => sequencer.RoundAsync(default));
        Assert.Equal(40, (await AllAsync()).Count);
    }

    [Fact]
    public async Task TakeOver_TailRebuilt_IsSaidForGood()
    {
        await NoteAsync(0, 20);
        await ChainAsync(20);
        List<AuditRecord> records = await AllAsync();
        AuditHead head = new(18, records[17].Hash);
        await ReplaceAsync([.. records.Take(18), .. AuditChain.Extend(ref head, records.Skip(18).Select(r => r.Note with { Actor = "nobody" }))], await Audit.CheckpointsAsync(Tenant, default));
        await NoteAsync(20, 30);
        await ChainAsync(51);
        Assert.Contains((await VerifyAsync()).Findings, f => f is { Fault: AuditFault.Rebuilt, From: 19 });
    }

    [Fact]
    public async Task TakeOver_RecordsThatNobodySigned_AreSaidForGood()
    {
        await NoteAsync(0, 20);
        await ChainAsync(20);
        List<AuditRecord> records = await AllAsync();
        AuditHead head = new(20, records[19].Hash);
        await ReplaceAsync([.. records, .. AuditChain.Extend(ref head, [records[3].Note])], await Audit.CheckpointsAsync(Tenant, default));
        await NoteAsync(20, 30);
        await ChainAsync(52);
        AuditFinding finding = Assert.Single((await VerifyAsync()).Findings);
        Assert.Equal((AuditFault.Unsigned, 20L, 20L), (finding.Fault, finding.From, finding.To));
    }

    /// <summary>Commits one frame of a new or an open run.</summary>
    protected static async Task StepAsync(IRunStore runs, SeededRandom random, List<(RunAppend Run, long Next)> open, Dictionary<Ulid, List<long>> expected)
    {
        bool isNew = open.Count == 0 || random.NextUInt64() % 4 == 0;
        int at = isNew ? open.Count : (int)(random.NextUInt64() % (ulong)open.Count);
        (RunAppend? run, long next) = isNew ? (null, 0) : open[at];
        Ulid id = run?.Run ?? Ids.Create();
        List<JournalEvent> events = isNew
            ? [new RunStarted("w", "1.0.0", new string('a', 64), "", "trace", "api", Payload.EmptyObject, Payload.EmptyObject), new NodeEntered(0, -1, 0, 1), new NodeEntered(1, 0, 1, 1), new StepScheduled(1, Payload.Null)]
            : (random.NextUInt64() % 4) switch
            {
                0 => [new StepStarted(1, 1, 0, false)],
                1 => [new StepSucceeded(1, 1, Payload.Null, 1, 0, 0, "p"), new NodeEntered((int)next, 0, 2, 1), new StepStarted((int)next, 1, 0, false)],
                2 => [new StepFailed(1, 1, new StepError("X", ErrorCategory.Permanent, "m"), 0), new RetryScheduled(1, 1, 5)],
                _ => [new StepDenied(1, new StepError("TOOL_NOT_PERMITTED", ErrorCategory.Permission, "m"))],
            };
        var append = new RunAppend
        {
            Tenant = Tenant,
            Run = id,
            Key = run?.Key ?? 0,
            FirstSeq = next,
            NextSeq = next + events.Count,
            Frame = FrameCodec.Encode([.. events.Select(e => e with { At = 1_700_000_000_000 + next })], []),
            Change = isNew ? RowChange.Create : RowChange.None,
            Creation = isNew ? new RunCreation("w", "1.0.0", new string('a', 64), null, "") : null,
            At = 1,
        };
        var batch = new CommitBatch();
        batch.Frames.Add(append);
        await runs.CommitAsync(batch, default);
        Assert.Equal(CommitOutcome.Committed, append.Outcome);
        (RunAppend, long) now = (append, append.NextSeq);
        if (isNew)
        {
            open.Add(now);
            expected[id] = [];
        }
        else
        {
            open[at] = now;
        }

        expected[id].AddRange(events.Select((e, i) => (e, Seq: next + i)).Where(e => e.e is RunStarted or StepStarted or StepSucceeded or StepFailed or StepDenied).Select(e => e.Seq));
    }

    private async Task ReplaceAsync(IEnumerable<AuditRecord> records, IEnumerable<AuditCheckpoint> checkpoints)
    {
        string Text(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";
        var rows = records.Select(r => string.Create(
            CultureInfo.InvariantCulture,
            $"({Text(r.Note.Tenant)}, {r.Number}, {r.Note.At}, {Text(r.Note.Actor)}, {Text(r.Note.Action)}, {Text(r.Note.Resource)}, {Text(r.Note.Decision)}, {Text(r.Note.Trace)}, {Literal(r.Note.Details.Utf8.ToArray())}, {Literal(r.Prev.ToArray())}, {Literal(r.Hash.ToArray())})")).ToList();
        var marks = checkpoints.Select(c => string.Create(
            CultureInfo.InvariantCulture, $"({Text(c.Tenant)}, {c.Size}, {(int)c.Kind}, {Literal(c.Hash.ToArray())}, {c.At}, {Text(c.Key)}, {Literal(c.Signature.ToArray())})")).ToList();
        await ExecuteAsync(
            "DELETE FROM audits; DELETE FROM audit_checkpoints;"
            + (rows.Count == 0 ? "" : $"INSERT INTO audits (tenant, number, at, actor, action, resource, decision, trace, details, prev, hash) VALUES {string.Join(',', rows)};")
            + (marks.Count == 0 ? "" : $"INSERT INTO audit_checkpoints (tenant, size, kind, hash, at, key, signature) VALUES {string.Join(',', marks)};"));
    }

    private sealed class PlantedException : Exception;

    /// <summary>Dies before or after an append.</summary>
    private sealed class FaultyStore(IAuditStore inner, SeededRandom random) : IAuditStore
    {
        public ValueTask<IReadOnlyList<AuditTally>> TallyAsync(string tenant, AuditFilter filter, CancellationToken cancellationToken) => inner.TallyAsync(tenant, filter, cancellationToken);

        public ValueTask<bool> LeadAsync(TimeSpan lease, CancellationToken cancellationToken) => inner.LeadAsync(lease, cancellationToken);

        public ValueTask<AuditIntake> ReadIntakeAsync(int max, CancellationToken cancellationToken) => inner.ReadIntakeAsync(max, cancellationToken);

        public ValueTask<AuditHead> HeadAsync(string tenant, CancellationToken cancellationToken) => inner.HeadAsync(tenant, cancellationToken);

        public async ValueTask<bool> AppendAsync(IReadOnlyList<AuditRecord> records, AuditIntake taken, CancellationToken cancellationToken)
        {
            Fail(random);
            bool appended = await inner.AppendAsync(records, taken, cancellationToken);
            Fail(random);
            return appended;
        }

        public ValueTask<IReadOnlyList<AuditRecord>> ReadAsync(string tenant, long from, int max, CancellationToken cancellationToken) => inner.ReadAsync(tenant, from, max, cancellationToken);

        public ValueTask<AuditPage> SearchAsync(string tenant, AuditFilter filter, CancellationToken cancellationToken) => inner.SearchAsync(tenant, filter, cancellationToken);

        public ValueTask<IReadOnlyList<AuditCheckpoint>> CheckpointsAsync(string tenant, CancellationToken cancellationToken) => inner.CheckpointsAsync(tenant, cancellationToken);

        public async ValueTask AddCheckpointAsync(AuditCheckpoint checkpoint, CancellationToken cancellationToken)
        {
            Fail(random);
            await inner.AddCheckpointAsync(checkpoint, cancellationToken);
            Fail(random);
        }

        public async ValueTask RetireAsync(AuditCheckpoint retired, CancellationToken cancellationToken)
        {
            Fail(random);
            await inner.RetireAsync(retired, cancellationToken);
            Fail(random);
        }

        public static void Fail(SeededRandom random)
        {
            if (random.NextUInt64() % 6 == 0)
            {
                throw new PlantedException();
            }
        }
    }

    private sealed class FaultyWitness(IAuditWitness inner, SeededRandom random) : IAuditWitness
    {
        public IReadOnlyList<string> Tenants => inner.Tenants;

        public void Append(AuditCheckpoint checkpoint)
        {
            FaultyStore.Fail(random);
            inner.Append(checkpoint);
            FaultyStore.Fail(random);
        }

        public bool TryWriteEnd(string tenant, WitnessedEnd known, WitnessedEnd end)
        {
            FaultyStore.Fail(random);
            bool written = inner.TryWriteEnd(tenant, known, end);
            FaultyStore.Fail(random);
            return written;
        }

        public WitnessedEnd ReadEnd(string tenant) => inner.ReadEnd(tenant);

        public IReadOnlyList<AuditCheckpoint>? Read(string tenant) => inner.Read(tenant);
    }
}
