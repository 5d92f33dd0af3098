using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Storage.Tests.Compliance;

/// <content>What frames do to other runs and to what runs share.</content>
public abstract partial class RunStoreCompliance
{
    private static RunAppend Crossing(RunAppend run, long first, CrossAppend cross, RowChange then = RowChange.None, long wake = 0, long[]? consumed = null) => new()
    {
        Tenant = run.Tenant,
        Run = run.Run,
        Key = run.Key,
        FirstSeq = first,
        NextSeq = first + 2,
        Frame = Bytes((int)first + 200),
        Then = then,
        Status = then == RowChange.End ? RunStatus.Completed : RunStatus.Waiting,
        WakeSeq = wake,
        Consumed = consumed ?? [],
        Cross = cross,
        At = 2000,
    };

    private static CrossAppend Asking(int step, string name, int size = 1, SharedKind kind = SharedKind.Semaphore)
    {
        var cross = new CrossAppend();
        cross.Requests.Add(new PlaceRequest(step, kind, name, size));
        return cross;
    }

    private static CrossAppend Returning(int step, string name, bool held, SharedKind kind = SharedKind.Semaphore)
    {
        var cross = new CrossAppend();
        cross.Returns.Add(new PlaceReturn(step, kind, name, held));
        return cross;
    }

    private CrossAppend WithChild(RunAppend parent, string tenant = "t1")
    {
        RunAppend like = Create(tenant, RowChange.CreateQueued);
        var cross = new CrossAppend();
        cross.Children.Add(new RunAppend
        {
            Tenant = tenant,
            Run = like.Run,
            FirstSeq = 0,
            NextSeq = 3,
            Frame = Bytes(5),
            Change = RowChange.CreateQueued,
            Creation = like.Creation! with { Parent = parent.Run, Priority = 3 },
            At = 1000,
        });
        return cross;
    }

    private async Task<bool[]> HeldAsync(string name) => [.. (await Store.ListPlacesAsync("t1", SharedKind.Semaphore, 100, default)).Where(p => p.Name == name).Select(p => p.Held)];

    [Fact]
    public async Task SetAside_RunThatHoldsPlaces_GivesThemToWhoWaits()
    {
        RunAppend broken = await Commit(Create()), next = await Commit(Create()), party = await Commit(Create());
        var both = Asking(1, "till");
        both.Requests.Add(new PlaceRequest(2, SharedKind.Barrier, "gate", 3));
        await Commit(Crossing(broken, 3, both));
        await Commit(Crossing(next, 3, Asking(1, "till")));
        await Commit(Crossing(party, 3, Asking(1, "gate", 2, SharedKind.Barrier)));
        Assert.Equal<IEnumerable<bool>>([true, false], await HeldAsync("till"));
        var claim = new ClaimedRun(broken.Key, broken.Run, "t1", "w", "1.0.0", new string('a', 64));
        Assert.Equal([next.Run], await Store.SetAsideAsync(claim, "frame 7 is damaged", default));
        Assert.True(Assert.Single(await HeldAsync("till")));
        Assert.Equal(party.Run, Assert.Single(await Store.ListPlacesAsync("t1", SharedKind.Barrier, 10, default)).Run);
        Assert.Empty(await Store.SetAsideAsync(claim, "again", default));
        Assert.Equal("frame 7 is damaged", (await Store.FindAsync("t1", broken.Run, default))!.Result);
    }

    [Fact]
    public async Task Cross_Child_IsThereWithItsParentsFrameAndClaimable()
    {
        RunAppend parent = await Commit(Create());
        RunAppend frame = await Commit(Crossing(parent, 3, WithChild(parent)));
        Assert.Equal(CommitOutcome.Committed, frame.Outcome);
        RunPage children = await Store.ListAsync("t1", new RunFilter(Parent: parent.Run), default);
        RunRow child = Assert.Single(children.Rows);
        Assert.Equal((RunStatus.Queued, parent.Run, 3), (child.Status, child.Parent, child.Priority));
        Assert.Equal(child.Run, Assert.Single(await Store.ClaimAsync(10, default)).Run);
        Assert.Single(await Store.ReadFramesAsync("t1", child.Run, 0, 10, default));
    }

    [Fact]
    public async Task Cross_OfARefusedFrame_DoesNothing()
    {
        RunAppend parent = await Commit(Create());
        RunAppend other = await Commit(Create());
        await Send(Item(parent, "a"));
        CrossAppend cross = WithChild(parent);
        cross.Items.Add(new CrossItem(other.Run, InboxKind.Cancel, "x", "{}"u8.ToArray()));
        cross.Requests.Add(new PlaceRequest(4, SharedKind.Semaphore, "refused", 1));
        // An end that does not know of the item.
        RunAppend refused = await Commit(Crossing(parent, 3, cross, RowChange.End));
        Assert.Equal(CommitOutcome.Woken, refused.Outcome);
        Assert.Equal(0, (await Store.ListAsync("t1", new RunFilter(Parent: parent.Run), default)).Total);
        Assert.Empty(await HeldAsync("refused"));
        Assert.Equal(0, (await Store.LoadAsync(Claim(other), default)).WakeSeq);
    }

    [Fact]
    public async Task Cross_WrittenAgainAfterALostAnswer_HappensOnce()
    {
        RunAppend parent = await Commit(Create());
        RunAppend other = await Commit(Create());
        CrossAppend cross = WithChild(parent);
        cross.Items.Add(new CrossItem(other.Run, InboxKind.Cancel, "x", "{}"u8.ToArray()));
        cross.Requests.Add(new PlaceRequest(4, SharedKind.Semaphore, "again", 2));
        RunAppend frame = await Commit(Crossing(parent, 3, cross));
        Assert.True(await Store.HasFrameAsync(frame, default));
        try
        {
            await Commit(frame);
        }
        catch (Exception e) when (e is not Xunit.Sdk.XunitException)
        {
            // A store may refuse the second time, but not do it twice.
        }

        Assert.Equal(1, (await Store.ListAsync("t1", new RunFilter(Parent: parent.Run), default)).Total);
        Assert.Equal<bool[]>([true], await HeldAsync("again"));
        Assert.Equal(1, (await Store.LoadAsync(Claim(other), default)).WakeSeq);
    }

    [Fact]
    public async Task Cross_Item_WakesAParkedRunAndTellsWhoWasTouched()
    {
        RunAppend from = await Commit(Create());
        RunAppend parked = await Commit(Create(then: RowChange.Park));
        RunAppend ended = await Commit(Create(then: RowChange.End));
        var cross = new CrossAppend();
        cross.Items.Add(new CrossItem(parked.Run, InboxKind.Answer, "child", "{}"u8.ToArray()));
        cross.Items.Add(new CrossItem(ended.Run, InboxKind.Answer, "child", "{}"u8.ToArray()));
        var batch = new CommitBatch();
        batch.Frames.Add(Crossing(from, 3, cross));
        await Store.CommitAsync(batch, default);
        Assert.Equal([parked.Run], batch.Touched);
        ClaimedRun claim = Assert.Single(await Store.ClaimAsync(10, default));
        Assert.Equal(parked.Run, claim.Run);
        Assert.Equal((InboxKind.Answer, "child"), (await Store.LoadAsync(claim, default)).Inbox.Select(i => (i.Kind, i.Dedupe)).Single());
    }

    [Fact]
    public async Task Cross_Permit_IsPassedOnInTheFrameThatReturnsIt()
    {
        RunAppend a = await Commit(Create()), b = await Commit(Create());
        await Commit(Crossing(a, 3, Asking(1, "s")));
        await Commit(Crossing(b, 3, Asking(1, "s"), RowChange.Park));
        Assert.Equal<bool[]>([true, false], await HeldAsync("s"));
        await Commit(Crossing(a, 5, Returning(1, "s", held: true), RowChange.End, wake: 1));
        Assert.Equal<bool[]>([true], await HeldAsync("s"));
        Assert.Equal(b.Run, Assert.Single(await Store.ClaimAsync(10, default)).Run);
    }

    [Fact]
    public async Task Cross_ParkingWithAPlaceThatIsFree_StaysAwake()
    {
        RunAppend run = await Commit(Create());
        Assert.Equal(CommitOutcome.CommittedAwake, (await Commit(Crossing(run, 3, Asking(1, "free"), RowChange.Park))).Outcome);
    }

    [Theory]
    [InlineData(RowChange.None)]
    [InlineData(RowChange.Park)]
    [InlineData(RowChange.End)]
    public async Task Cross_GivingUpAPlaceThatWasGiven_IsRefusedWhole(RowChange then)
    {
        RunAppend a = await Commit(Create()), b = await Commit(Create());
        await Commit(Crossing(a, 3, Asking(1, "s")));
        await Commit(Crossing(b, 3, Asking(1, "s")));
        InboxAppend signal = await Send(Item(b, "known"));
        await Commit(Crossing(a, 5, Returning(1, "s", held: true)));
        RunAppend late = await Commit(Crossing(b, 5, Returning(1, "s", held: false), then, wake: 1, consumed: [signal.Item]));
        Assert.Equal(CommitOutcome.Woken, late.Outcome);
        Assert.Equal<bool[]>([true], await HeldAsync("s"));
        RunHistory history = await Store.LoadAsync(Claim(b), default);
        Assert.Equal([InboxKind.Signal, InboxKind.Place], history.Inbox.Select(i => i.Kind).Order());
        Assert.Equal(CommitOutcome.Committed, (await Commit(Crossing(b, 5, Returning(1, "s", held: true), wake: 2))).Outcome);
        Assert.Empty(await HeldAsync("s"));
    }

    [Fact]
    public async Task Cross_ManyAtOnce_GiveEachPermitOnceAndOpenEachRoundWhole()
    {
        var runs = new List<RunAppend>();
        for (int i = 0; i < 24; i++)
        {
            runs.Add(await Commit(Create()));
        }

        await Task.WhenAll(runs.Chunk(12).Select(half => Task.Run(async () =>
        {
            foreach (RunAppend run in half)
            {
                CrossAppend cross = Asking(1, "busy", size: 5);
                cross.Requests.Add(new PlaceRequest(2, SharedKind.Barrier, "gate", 8));
                await Commit(Crossing(run, 3, cross));
            }
        })));
        Assert.Equal(5, (await HeldAsync("busy")).Count(h => h));
        Assert.Equal(24, (await HeldAsync("busy")).Length);
        Assert.Empty(await Store.ListPlacesAsync("t1", SharedKind.Barrier, 100, default));
        int granted = 0;
        foreach (RunAppend run in runs)
        {
            granted += (await Store.LoadAsync(Claim(run), default)).Inbox.Count;
        }

        Assert.Equal(24 + 5, granted);
    }
}
