using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Storage.Tests.Compliance;

/// <summary>What every audit store promises. One subclass an implementation.</summary>
public abstract class AuditStoreCompliance : IAsyncLifetime
{
    protected static readonly UlidFactory Ids = new(TimeProvider.System, CryptographicRandom.Shared);

    protected abstract IAuditStore Audit { get; }

    protected abstract IRunStore Runs { get; }

    public abstract ValueTask InitializeAsync();

    public abstract ValueTask DisposeAsync();

    protected static AuditNote Note(int i, string tenant = "t1", string actor = "api", string action = "run.cancel", string? resource = null, string decision = "allowed") =>
        new(tenant, 1000 + i, actor, action, resource ?? $"run:{i}", decision, Payload.FromText($$"""{"i":{{i}}}"""), "trace");

    private static RunAppend Frame(Ulid run, long first, RowChange change = RowChange.None, long key = 0, string tenant = "t1") => new()
    {
        Tenant = tenant,
        Run = run,
        Key = key,
        FirstSeq = first,
        NextSeq = first + 1,
        Frame = new byte[] { 1, 2, (byte)first },
        Change = change,
        Creation = change == RowChange.None ? null : new RunCreation("w", "1.0.0", new string('a', 64), null, ""),
        At = 1000,
    };

    private async Task<CommitBatch> CommitAsync(Action<CommitBatch> fill)
    {
        var batch = new CommitBatch();
        fill(batch);
        await Runs.CommitAsync(batch, default);
        return batch;
    }

    /// <summary>Everything that waits: a store may show what was committed a moment later.</summary>
    private async Task<AuditIntake> IntakeAsync(int notes, int frames)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (true)
        {
            AuditIntake intake = await Audit.ReadIntakeAsync(1000, limit.Token);
            if (intake.Notes.Count >= notes && intake.Frames.Count >= frames)
            {
                Assert.Equal((notes, frames), (intake.Notes.Count, intake.Frames.Count));
                return intake;
            }

            await Task.Delay(10, limit.Token);
        }
    }

    private async Task<List<AuditRecord>> ExtendAsync(params AuditNote[] notes)
    {
        Assert.True(await Audit.LeadAsync(TimeSpan.FromSeconds(30), default));
        AuditHead head = await Audit.HeadAsync(notes[0].Tenant, default);
        List<AuditRecord> records = AuditChain.Extend(ref head, notes);
        Assert.True(await Audit.AppendAsync(records, AuditIntake.None, default));
        return records;
    }

    [Fact]
    public async Task Append_Records_AreReadAsTheyWereWritten()
    {
        List<AuditRecord> records = await ExtendAsync(Note(1), Note(2) with { Actor = "a\0b\ud800", Trace = "é😀" }, Note(3));
        IReadOnlyList<AuditRecord> read = await Audit.ReadAsync("t1", 0, 10, default);
        Assert.Equal(records, read);
        Assert.All(read, r => Assert.True(AuditChain.IsWhole(r)));
        Assert.Equal([1L, 2L], (await Audit.ReadAsync("t1", 1, 10, default)).Select(r => r.Number));
        Assert.Equal([0L], (await Audit.ReadAsync("t1", 0, 1, default)).Select(r => r.Number));
        Assert.Equal(new AuditHead(3, records[2].Hash), await Audit.HeadAsync("t1", default));
        Assert.Equal(default, await Audit.HeadAsync("t2", default));
        Assert.Empty(await Audit.ReadAsync("t2", 0, 10, default));
    }

    [Fact]
    public async Task Append_TakenPlace_WritesNothing()
    {
        await ExtendAsync(Note(1), Note(2));
        var stale = new AuditHead(1, (await Audit.ReadAsync("t1", 0, 1, default))[0].Hash);
        AuditHead other = default;
        List<AuditRecord> records = [.. AuditChain.Extend(ref other, [Note(7, "t2")]), .. AuditChain.Extend(ref stale, [Note(8)])];
        Assert.False(await Audit.AppendAsync(records, AuditIntake.None, default));
        Assert.Equal(default, await Audit.HeadAsync("t2", default));
        Assert.Equal(2, (await Audit.HeadAsync("t1", default)).Size);
    }

    [Fact]
    public async Task Intake_NotesAndFrames_AreTakenOnce()
    {
        await Audit.LeadAsync(TimeSpan.FromSeconds(30), default);
        Ulid run = Ids.Create();
        CommitBatch created = await CommitAsync(b => b.Frames.Add(Frame(run, 0, RowChange.Create)));
        long key = created.Frames[0].Key;
        await CommitAsync(b => b.Frames.Add(Frame(run, 1, key: key)));
        await CommitAsync(b =>
        {
            b.Notes.Add(new NoteAppend { Note = Note(1) with { Resource = "r\0" } });
            b.Notes.Add(new NoteAppend { Note = Note(2, "t2") });
            b.Frames.Add(Frame(run, 2, key: key));
        });
        AuditIntake first = await IntakeAsync(2, 3);
        Assert.Equal([Note(1) with { Resource = "r\uFFFD" }, Note(2, "t2")], first.Notes);
        Assert.All(first.Frames, f => Assert.Equal(("t1", run, new string('a', 64)), (f.Tenant, f.Run, f.DefinitionHash)));
        Assert.Equal([0L, 1, 2], first.Frames.Select(f => f.FirstSeq));
        Assert.Equal(new byte[] { 1, 2, 1 }, first.Frames[1].Data.ToArray());

        AuditHead head = default;
        Assert.True(await Audit.AppendAsync(AuditChain.Extend(ref head, [Note(1)]), first, default));
        Assert.True((await Audit.ReadIntakeAsync(1000, default)).IsEmpty);

        // Whoever read the same and comes later writes nothing.
        Assert.False(await Audit.AppendAsync(AuditChain.Extend(ref head, [Note(2)]), first, default));
        Assert.Equal(1, (await Audit.HeadAsync("t1", default)).Size);
        await CommitAsync(b => b.Frames.Add(Frame(run, 3, key: key)));
        Assert.Equal(3L, Assert.Single((await IntakeAsync(0, 1)).Frames).FirstSeq);
    }

    [Fact]
    public async Task Intake_MoreThanAsked_ComesInParts()
    {
        await Audit.LeadAsync(TimeSpan.FromSeconds(30), default);
        for (int i = 0; i < 100; i++)
        {
            int number = i;
            await CommitAsync(b => b.Notes.Add(new NoteAppend { Note = Note(number) }));
        }

        var head = default(AuditHead);
        while (await Audit.ReadIntakeAsync(16, default) is { IsEmpty: false } intake)
        {
            Assert.InRange(intake.Notes.Count, 1, 16);
            Assert.True(await Audit.AppendAsync(AuditChain.Extend(ref head, intake.Notes), intake, default));
        }

        Assert.Equal(Enumerable.Range(0, 100).Select(i => 1000L + i), (await Audit.ReadAsync("t1", 0, 1000, default)).Select(r => r.Note.At));
    }

    [Fact]
    public async Task Search_Filters_FindTheirs()
    {
        await ExtendAsync(
            Note(1, actor: "alice"), Note(2, actor: "bob", action: "run.pause"), Note(3, actor: "alice", decision: "denied"),
            Note(4, resource: "run:X"), Note(5, resource: "run:X/step#1"), Note(6, resource: "run:XY"));
        async Task Finds(AuditFilter filter, params long[] expected)
        {
            AuditPage page = await Audit.SearchAsync("t1", filter, default);
            Assert.Equal(expected, page.Records.Select(r => r.Number));
            Assert.Equal(expected.Length, page.Total);
        }

        await Finds(new AuditFilter(), 5, 4, 3, 2, 1, 0);
        await Finds(new AuditFilter(Actor: "alice"), 2, 0);
        await Finds(new AuditFilter(Action: "run.pause"), 1);
        await Finds(new AuditFilter(Decision: "denied"), 2);
        await Finds(new AuditFilter(Resource: "run:X"), 3);
        await Finds(new AuditFilter(Resource: "run:X/*"), 4);
        await Finds(new AuditFilter(Resource: "run:X*"), 5, 4, 3);
        await Finds(new AuditFilter(From: 1002, To: 1004), 2, 1);
        await Finds(new AuditFilter(Actor: "alice", Ascending: true), 0, 2);
        Assert.Empty((await Audit.SearchAsync("t2", new AuditFilter(), default)).Records);
    }

    /// <summary>Each combination of filters is a statement of its own: all of them find what a look at every record finds.</summary>
    [Fact]
    public async Task Search_EveryCombination_FindsWhatALookAtAllWould()
    {
        ulong seed = (ulong)Random.Shared.NextInt64();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new SeededRandom(seed);
        string Of(params string[] words) => words[(int)(random.NextUInt64() % (ulong)words.Length)];
        List<AuditRecord> records = await ExtendAsync(
            [.. Enumerable.Range(0, 120).Select(i => Note(i, actor: Of("ann", "bob", "run:1"), action: Of("run.cancel", "run.read"), resource: Of("run:01ARZ3NDEKTSV4", "run:01ARZ3NDEKTSV4/say#1", "run:02", "user:ann", "config"), decision: Of("allowed", "denied")))]);
        foreach (string? actor in new[] { null, "ann" })
        foreach (string? action in new[] { null, "run.read" })
        foreach (string? resource in new[] { null, "run:02", "run:*", "run:01ARZ3NDEKTSV4/*", "run:01ARZ3NDEKTSV4*", "*" })
        foreach (string? decision in new[] { null, "denied" })
        foreach ((long? from, long? to) in new (long?, long?)[] { (null, null), (1030, null), (null, 1090), (1030, 1090) })
        foreach (bool ascending in new[] { false, true })
        {
            var filter = new AuditFilter(actor, action, resource, decision, from, to, Ascending: ascending, Size: 500);
            IEnumerable<long> expected = records.Where(r =>
                (actor is null || r.Note.Actor == actor) && (action is null || r.Note.Action == action) && (decision is null || r.Note.Decision == decision)
                && (resource is null || (resource.EndsWith('*') ? r.Note.Resource.StartsWith(resource[..^1], StringComparison.Ordinal) : r.Note.Resource == resource))
                && !(r.Note.At < from) && !(r.Note.At >= to)).Select(r => r.Number);
            AuditPage page = await Audit.SearchAsync("t1", filter, default);
            Assert.Equal(ascending ? expected.Order() : expected.OrderDescending(), page.Records.Select(r => r.Number));
            Assert.Equal(expected.Count(), page.Total);
        }
    }

    [Fact]
    public async Task Tally_Filters_CountTheirs()
    {
        await ExtendAsync(Note(1, actor: "alice", resource: "r"), Note(2, actor: "alice", resource: "r"), Note(3, actor: "bob", resource: "r"), Note(4, actor: "alice", resource: "r", decision: "denied"), Note(5, actor: "alice", resource: "s"));
        async Task<string> CountAsync(AuditFilter filter, string tenant = "t1") =>
            string.Join(' ', (await Audit.TallyAsync(tenant, filter, default)).Select(t => $"{t.Actor}/{t.Action}/{t.Resource}/{t.Decision}={t.Count}").Order(StringComparer.Ordinal));
        Assert.Equal("alice/run.cancel/r/allowed=2 alice/run.cancel/r/denied=1 alice/run.cancel/s/allowed=1 bob/run.cancel/r/allowed=1", await CountAsync(new AuditFilter(Size: 1)));
        Assert.Equal("alice/run.cancel/r/allowed=1", await CountAsync(new AuditFilter("alice", Resource: "r*", Decision: "allowed", From: 1002, To: 1005)));
        Assert.Equal("", await CountAsync(new AuditFilter(), "t2"));
    }

    [Fact]
    public async Task Search_Pages_FollowEachOther()
    {
        await ExtendAsync([.. Enumerable.Range(0, 7).Select(i => Note(i))]);
        foreach (bool ascending in new[] { true, false })
        {
            var filter = new AuditFilter(Size: 3, Ascending: ascending);
            var seen = new List<long>();
            AuditPage page;
            do
            {
                page = await Audit.SearchAsync("t1", filter, default);
                Assert.Equal(7, page.Total);
                seen.AddRange(page.Records.Select(r => r.Number));
                filter = filter with { Cursor = seen[^1] };
            }
            while (page.HasMore);

            Assert.Equal(ascending ? [0L, 1, 2, 3, 4, 5, 6] : [6L, 5, 4, 3, 2, 1, 0], seen);
        }
    }

    [Fact]
    public async Task Retire_Segment_LeavesTheRestAndTheHead()
    {
        using AuditKey key = AuditKey.Parse(AuditKey.NewPem());
        List<AuditRecord> records = await ExtendAsync([.. Enumerable.Range(0, 6).Select(i => Note(i))]);
        await ExtendAsync(Note(1, "t2"));
        AuditCheckpoint segment = key.Sign(AuditCheckpointKind.Segment, "t1", new AuditHead(4, records[3].Hash), 1);
        await Audit.AddCheckpointAsync(segment, default);
        await Audit.AddCheckpointAsync(segment, default);
        AuditCheckpoint retired = key.Sign(AuditCheckpointKind.Retired, "t1", segment.Head, 2);
        await Audit.RetireAsync(retired, default);
        Assert.Equal([4L, 5], (await Audit.ReadAsync("t1", 0, 10, default)).Select(r => r.Number));
        Assert.Equal(new AuditHead(6, records[5].Hash), await Audit.HeadAsync("t1", default));
        IReadOnlyList<AuditCheckpoint> kept = await Audit.CheckpointsAsync("t1", default);
        Assert.Equal([AuditCheckpointKind.Segment, AuditCheckpointKind.Retired], kept.Select(c => c.Kind));
        Assert.All(kept, c => Assert.True(key.IsSigned(c)));
        Assert.Empty(await Audit.CheckpointsAsync("t2", default));
        Assert.Single(await Audit.ReadAsync("t2", 0, 10, default));

        await Audit.RetireAsync(key.Sign(AuditCheckpointKind.Retired, "t1", new AuditHead(6, records[5].Hash), 3), default);
        Assert.Equal(new AuditHead(6, records[5].Hash), await Audit.HeadAsync("t1", default));
    }
}
