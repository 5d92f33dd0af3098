using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Storage.Tests.Postgres;

/// <summary>What happens when an owner and outsiders, or two tries of the same write, meet.</summary>
public sealed class PostgresRaceTests(PostgresFixture fixture)
{
    /// <summary>
    /// One process parks and ends runs while another one sends to them. Whatever was accepted is taken by the owner before the
    /// run ends, in the order in which it came, and nothing is taken twice.
    /// </summary>
    [Fact]
    public async Task Inbox_SentWhileTheOwnerParksAndEnds_EveryAcceptedItemIsTakenOnce()
    {
        const int runs = 24;
        ulong seed = (ulong)Random.Shared.NextInt64();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        await using TemporaryPostgres owner = await TemporaryPostgres.CreateAsync(fixture);
        await using TemporaryPostgres sender = await owner.JoinAsync();
        RunAppend[] created = [.. Enumerable.Range(0, runs).Select(_ => Writing.Creation(then: RowChange.Park))];
        await owner.Store.WriteAsync(created);
        var accepted = created.ToDictionary(r => r.Run, _ => new List<string>());
        var taken = created.ToDictionary(r => r.Run, _ => new List<string>());

        async Task SendAsync()
        {
            var random = new SeededRandom(seed);
            for (int i = 0; i < 150; i++)
            {
                InboxAppend[] items = [.. Enumerable.Range(0, 1 + (int)(random.NextUInt64() % 5)).Select(n => Writing.Item(created[random.NextUInt64() % runs].Run, $"{i}.{n}"))];
                var batch = new CommitBatch();
                batch.Inbox.AddRange(items);
                await sender.Store.CommitAsync(batch, default);
                foreach (InboxAppend item in items.Where(item => item.Outcome == CommitOutcome.Committed))
                {
                    accepted[item.Run].Add(item.Dedupe);
                }
            }
        }

        async Task OwnAsync(Task sending)
        {
            var random = new SeededRandom(seed + 1);
            var next = created.ToDictionary(r => r.Run, _ => 1L);
            while (true)
            {
                bool last = sending.IsCompleted;
                IReadOnlyList<ClaimedRun> claims = await owner.Store.ClaimAsync(runs, default);
                if (claims.Count == 0 && last)
                {
                    return;
                }

                var awake = new Queue<ClaimedRun>(claims);
                while (awake.TryDequeue(out ClaimedRun? claim))
                {
                    RunHistory history = await owner.Store.LoadAsync(claim, default);
                    RowChange then = random.NextUInt64() % 8 == 0 ? RowChange.End : RowChange.Park;
                    RunAppend append = Writing.Append(claim.Run, claim.Key, next[claim.Run], then, history.WakeSeq, consumed: [.. history.Inbox.Select(i => i.Item)]);
                    await owner.Store.WriteAsync(append);
                    Assert.True(append.Outcome is CommitOutcome.Committed or CommitOutcome.CommittedAwake or CommitOutcome.Woken, $"{append.Outcome}");
                    if (append.Outcome != CommitOutcome.Woken)
                    {
                        next[claim.Run]++;
                        taken[claim.Run].AddRange(history.Inbox.Select(i => i.Dedupe));
                    }

                    if (append.Outcome != CommitOutcome.Committed)
                    {
                        awake.Enqueue(claim);
                    }
                }
            }
        }

        Task sends = Task.Run(SendAsync);
        await Task.WhenAll(sends, Task.Run(() => OwnAsync(sends))).WaitAsync(TimeSpan.FromSeconds(90));
        foreach (RunAppend run in created)
        {
            Assert.Equal(accepted[run.Run], taken[run.Run]);
        }
    }

    [Fact]
    public async Task Batches_OfTwoProcessesThatCrossEachOther_AllGoThrough()
    {
        await using TemporaryPostgres a = await TemporaryPostgres.CreateAsync(fixture);
        await using TemporaryPostgres b = await a.JoinAsync();
        for (int round = 0; round < 15; round++)
        {
            RunAppend[] ofA = [.. Enumerable.Range(0, 10).Select(_ => Writing.Creation())];
            RunAppend[] ofB = [.. Enumerable.Range(0, 10).Select(_ => Writing.Creation())];
            await a.Store.WriteAsync(ofA);
            await b.Store.WriteAsync(ofB);
            int n = round;
            // Each ends its own runs and sends to the other's, in opposite orders.
            static CommitBatch Crossing(IEnumerable<RunAppend> own, IEnumerable<RunAppend> other, int round)
            {
                var batch = new CommitBatch();
                batch.Frames.AddRange(own.Select(r => Writing.Append(r, 1, RowChange.Park)));
                batch.Inbox.AddRange(other.Select(r => Writing.Item(r.Run, $"{round}")));
                return batch;
            }

            CommitBatch fromA = Crossing(ofA, ofB.Reverse(), n);
            CommitBatch fromB = Crossing(ofB.Reverse(), ofA, n);
            await Task.WhenAll(Task.Run(async () => await a.Store.CommitAsync(fromA, default)), Task.Run(async () => await b.Store.CommitAsync(fromB, default)));
            Assert.All(fromA.Inbox.Concat(fromB.Inbox), i => Assert.Equal(CommitOutcome.Committed, i.Outcome));
            Assert.All(fromA.Frames.Concat(fromB.Frames), f => Assert.True(f.Outcome is CommitOutcome.Committed or CommitOutcome.CommittedAwake));
        }

        Assert.Equal(0L, await a.Cluster.QueryAsync<long>("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"));
    }

    [Fact]
    public async Task Idempotency_TwoProcessesTheSameKeys_OneRunEach()
    {
        await using TemporaryPostgres a = await TemporaryPostgres.CreateAsync(fixture);
        await using TemporaryPostgres b = await a.JoinAsync();
        RunAppend[] ofA = [.. Enumerable.Range(0, 40).Select(i => Writing.Creation(key: $"k{i}"))];
        RunAppend[] ofB = [.. Enumerable.Range(0, 40).Reverse().Select(i => Writing.Creation(key: $"k{i}"))];
        await Task.WhenAll(
            Task.WhenAll(ofA.Chunk(10).Select(c => Task.Run(() => a.Store.WriteAsync(c)))),
            Task.WhenAll(ofB.Chunk(10).Select(c => Task.Run(() => b.Store.WriteAsync(c)))));
        foreach ((RunAppend one, RunAppend other) in ofA.Zip(ofB.Reverse()))
        {
            (RunAppend first, RunAppend second) = one.Outcome == CommitOutcome.Committed ? (one, other) : (other, one);
            Assert.Equal((CommitOutcome.Committed, CommitOutcome.Duplicate), (first.Outcome, second.Outcome));
            Assert.Equal((first.Run, "hash-" + first.Creation!.IdempotencyKey), second.ExistingRun);
            Assert.Null(await a.Store.FindAsync("t1", second.Run, default));
        }
    }

    [Fact]
    public async Task Commit_SecondTimeAfterALostAnswer_IsCommittedAndWritesNothingMore()
    {
        await using TemporaryPostgres postgres = await TemporaryPostgres.CreateAsync(fixture);
        RunAppend creation = await postgres.Store.WriteAsync(Writing.Creation(key: "k"));
        RunAppend plain = await postgres.Store.WriteAsync(Writing.Append(creation, 1));
        InboxAppend item = await postgres.Store.WriteAsync(Writing.Item(creation.Run, "s"));
        RunAppend awake = await postgres.Store.WriteAsync(Writing.Append(creation, 2, RowChange.Park));
        RunAppend parked = await postgres.Store.WriteAsync(Writing.Append(creation.Run, creation.Key, 3, RowChange.Park, wake: 1, consumed: [item.Item]));
        RunAppend ending = await postgres.Store.WriteAsync(Writing.Creation());
        RunAppend end = await postgres.Store.WriteAsync(Writing.Append(ending, 1, RowChange.End));
        long key = creation.Key;
        RunAppend[] all = [creation, plain, awake, parked, end];
        CommitOutcome[] outcomes = [.. all.Select(a => a.Outcome)];
        Assert.Equal([CommitOutcome.Committed, CommitOutcome.Committed, CommitOutcome.CommittedAwake, CommitOutcome.Committed, CommitOutcome.Committed], outcomes);

        foreach (RunAppend again in all)
        {
            again.Outcome = CommitOutcome.Pending;
            await postgres.Store.WriteAsync(again);
        }

        // The second frame's run is parked by now, so that the answer to its repetition differs, and is true.
        Assert.Equal([CommitOutcome.Committed, CommitOutcome.Committed, CommitOutcome.Committed, CommitOutcome.Committed, CommitOutcome.Committed], all.Select(a => a.Outcome));
        Assert.Equal(CommitOutcome.Ignored, (await postgres.Store.WriteAsync(Writing.Item(creation.Run, "s"))).Outcome);
        Assert.Equal(key, creation.Key);
        Assert.Equal([0, 1, 2, 3], (await postgres.Store.ReadFramesAsync("t1", creation.Run, 0, 10, default)).Select(f => f.FirstSeq));
        Assert.Equal(2, (await postgres.Store.ListAsync("t1", new RunFilter(), default)).Total);
    }

    [Fact]
    public async Task Commit_OtherBytesAtATakenSequence_IsFenced()
    {
        await using TemporaryPostgres postgres = await TemporaryPostgres.CreateAsync(fixture);
        RunAppend run = await postgres.Store.WriteAsync(Writing.Creation());
        await postgres.Store.WriteAsync(Writing.Append(run, 1));
        RunAppend other = await postgres.Store.WriteAsync(new RunAppend { Tenant = "t1", Run = run.Run, Key = run.Key, FirstSeq = 1, NextSeq = 2, Frame = "other"u8.ToArray() });
        Assert.Equal(CommitOutcome.Fenced, other.Outcome);
    }

    [Fact]
    public async Task Commit_OneRunSeveralTimesInABatch_IsWrittenInOrder()
    {
        await using TemporaryPostgres postgres = await TemporaryPostgres.CreateAsync(fixture);
        RunAppend run = await postgres.Store.WriteAsync(Writing.Creation());
        RunAppend[] batch = [Writing.Append(run, 1), Writing.Append(run, 2), Writing.Append(run, 3, RowChange.Park), Writing.Append(run, 4)];
        await postgres.Store.WriteAsync(batch);
        Assert.Equal([CommitOutcome.Committed, CommitOutcome.Committed, CommitOutcome.Committed, CommitOutcome.Fenced], batch.Select(b => b.Outcome));
        Assert.Equal(RunStatus.Waiting, (await postgres.Store.FindAsync("t1", run.Run, default))!.Status);
    }

    [Fact]
    public async Task Commit_TextThatPostgresCannotHold_HurtsNobody()
    {
        await using TemporaryPostgres postgres = await TemporaryPostgres.CreateAsync(fixture);
        RunAppend strange = Writing.Creation(key: "a\0b\ud800");
        RunAppend neighbour = Writing.Creation();
        await postgres.Store.WriteAsync([strange, neighbour]);
        Assert.Equal([CommitOutcome.Committed, CommitOutcome.Committed], new[] { strange.Outcome, neighbour.Outcome });
        Assert.Equal(CommitOutcome.Duplicate, (await postgres.Store.WriteAsync(Writing.Creation(key: "a\0b\ud800"))).Outcome);
        Assert.Equal(CommitOutcome.Committed, (await postgres.Store.WriteAsync(Writing.Item(strange.Run, "\0"))).Outcome);
        Assert.Equal(CommitOutcome.Ignored, (await postgres.Store.WriteAsync(Writing.Item(strange.Run, "\0"))).Outcome);
    }
}
