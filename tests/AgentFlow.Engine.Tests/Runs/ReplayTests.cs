using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Nodes.StateMachine;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Runs;

public class ReplayTests
{
    [Fact]
    public void Load_RandomRuns_EqualsTheLiveStateFromZeroAndFromEverySnapshot()
    {
        for (ulong seed = 1; seed <= 400; seed++)
        {
            var play = new Play(Define(Generate(new SeededRandom(seed), 0), new RunPolicies { MaxSteps = 300 }), watches: true);
            var snapshots = new List<StoredSnapshot>();
            Drive(play, new SeededRandom(seed * 7919), snapshots);
            if (play.State.Status.IsTerminal())
            {
                RunState replayed = play.Reload().State;
                Assert.True(replayed.Status == play.State.Status && Equals(replayed.Output, play.State.Output) && replayed.SpentNanoDollars == play.State.SpentNanoDollars, $"seed {seed}");
                Assert.Equal(0, play.State.InFlight);
                Assert.Equal(0, play.State.ReservedNanoDollars);
            }
            else
            {
                Assert.True(Play.Bytes(play.State).AsSpan().SequenceEqual(Play.Bytes(play.Reload().State)), $"seed {seed}");
            }

            foreach (StoredSnapshot snapshot in snapshots)
            {
                RunState fromSnapshot = play.Reload(snapshot).State;
                Assert.True(fromSnapshot.Seq == play.State.Seq && fromSnapshot.Status == play.State.Status, $"seed {seed} snapshot {snapshot.Seq}");
            }
        }
    }

    [Fact]
    public void Drive_SameSeed_SameFrames()
    {
        for (ulong seed = 1; seed <= 50; seed++)
        {
            byte[][] Frames()
            {
                var play = new Play(Define(Generate(new SeededRandom(seed), 0), new RunPolicies { MaxSteps = 300 }), watches: true);
                Drive(play, new SeededRandom(seed), []);
                return [.. play.Frames.Select(f => f.Data.ToArray())];
            }

            Assert.Equal(Frames(), Frames());
        }
    }

    [Fact]
    public void Load_AnotherDecisionOnRecord_NamesTheEvent()
    {
        var play = new Play(Define(Machine("m", new State(Call("a")) { Next = "b" }, new State(Call("b")) { Final = true })));
        play.Succeed("a");
        Frame last = FrameCodec.Decode(play.Frames[^1].Data, play.Blob);
        JournalEvent[] forged = [.. last.Events.Select(e => e is Transitioned t ? t with { Rule = TransitionRule.OnError } : e)];
        play.Frames[^1] = play.Frames[^1] with { Data = FrameCodec.Encode(forged, new List<Payload>()) };
        var thrown = Assert.Throws<RunUnreadableException>(() => play.Reload());
        Assert.Contains("Transitioned", thrown.Message);
        Assert.Contains($"frame {play.Frames[^1].FirstSeq}", thrown.Message);
    }

    [Fact]
    public void Load_MissingFrame_NamesIt()
    {
        var play = new Play(Define(Machine("m", new State(Call("a")) { Next = "b" }, new State(Call("b")) { Final = true })));
        play.Succeed("a").Succeed("b");
        play.Frames.RemoveAt(1);
        Assert.Contains("a frame is missing", Assert.Throws<RunUnreadableException>(() => play.Reload()).Message);
    }

    [Fact]
    public void Load_AnyDamagedByte_IsFoundAndNamed()
    {
        var play = new Play(Define(Machine("m", new State(Call("a")) { Final = true })), """{"some":"input"}""");
        play.Succeed("a");
        byte[] data = play.Frames[0].Data.ToArray();
        for (int i = 0; i < data.Length; i++)
        {
            byte[] damaged = [.. data];
            damaged[i] ^= 0x40;
            play.Frames[0] = play.Frames[0] with { Data = damaged };
            Assert.Contains("Frame 0", Assert.Throws<RunUnreadableException>(() => play.Reload()).Message);
        }
    }

    [Fact]
    public void Snapshot_OfAnotherDefinition_IsIgnored()
    {
        var play = new Play(Define(Machine("m", new State(Call("a")) { Final = true })));
        byte[] snapshot = Play.Bytes(play.State);
        WorkflowDefinition other = new(Machine("m", new State(Call("a")) { Final = true })) { Name = "x", Version = "1.0.0", Hash = new string('b', 64), Planner = "fsm", Source = play.State.Definition.Source };
        Assert.Null(SnapshotCodec.TryDecode(snapshot, "default", RunId, other, play.Blob));
        Assert.NotNull(SnapshotCodec.TryDecode(snapshot, "default", RunId, play.State.Definition, play.Blob));
    }

    [Fact]
    public void Restriction_OfTheStarter_SurvivesReplayAndSnapshot()
    {
        var authority = new RunAuthority(PermissionSet.Parse(["db.read"]), new NamePatterns(["skill.*"]));
        var play = new Play(Define(Machine("m", new State(Call("a")) { Final = true })));
        Assert.True(play.Feed(new RunRestricted(authority)));
        Assert.False(play.Feed(new RunRestricted(new RunAuthority(PermissionSet.Everything, null))));
        authority = authority with { Starts = new StartLimits([new RolePolicies { Workflows = new NamePatterns(["support*"]), MaxRunNanoDollars = 5 }, new RolePolicies()]) };
        Assert.True(play.Feed(new RunStartsRestricted(authority.Starts)));
        Assert.False(play.Feed(new RunStartsRestricted(new StartLimits([]))));
        Assert.Equal(authority, play.State.Authority);
        Assert.Equal(authority, SnapshotCodec.TryDecode(Play.Bytes(play.State), "default", RunId, play.State.Definition, play.Blob)!.Authority);
        Assert.Equal(authority, play.Reload().State.Authority);
    }

    [Fact]
    public void Payload_Large_IsStoredOnceByContent()
    {
        string big = $"\"{new string('x', Payload.BlobThreshold)}\"";
        var play = new Play(Define(Machine("m", new State(Call("a", input: "\"${input}\"")) { Next = "b" }, new State(Call("b")) { Final = true })), big);
        play.Succeed("a", big).Succeed("b", big);
        Assert.All(play.Frames, f => Assert.True(f.Data.Length < 400));
        Assert.Equal(big, play.Reload().State.Output!.ToString());
    }

    /// <summary>A random tree of machines and graphs over calls, waits and passes.</summary>
    internal static PlanNode Generate(SeededRandom random, int depth, string id = "root")
    {
        int Next(int below) => (int)(random.NextUInt64() % (ulong)below);
        int count = 1 + Next(5);
        PlanNode Body(int i) => Next(depth < 3 ? 8 : 6) switch
        {
            0 when Next(3) == 0 => new WaitForNode([Signal("go", "go"), Signal("stop", "stop"), Sleep("timer", TimeSpan.FromSeconds(1 + Next(20)))]) { Id = $"w{i}", All = Next(2) == 0, Timeout = Next(2) == 0 ? TimeSpan.FromSeconds(1 + Next(50)) : null },
            0 => Signal($"w{i}", Next(2) == 0 ? "go" : "stop", Next(2) == 0 ? TimeSpan.FromSeconds(1 + Next(50)) : null),
            1 => Sleep($"z{i}", TimeSpan.FromSeconds(1 + Next(100))),
            2 => new PassNode { Id = $"p{i}" },
            6 or 7 => Generate(random, depth + 1, $"n{i}"),
            _ => Call($"c{i}", retry: new RetryPolicy { MaxAttempts = 1 + Next(3) }, unknown: (OnUnknown)Next(3), undo: Next(2) == 0 ? Call($"u{i}", retry: new RetryPolicy { MaxAttempts = 1 + Next(2) }, bestEffort: Next(2) == 0) : null),
        };
        PlanNode[] bodies = [.. Enumerable.Range(0, count).Select(Body)];
        switch (Next(14))
        {
            case 10 or 11:
                return new ForeachNode(bodies[0])
                {
                    Id = id,
                    Items = Template(Next(8) == 0 ? "\"${output}\"" : $"[{string.Join(',', Enumerable.Range(0, Next(6)))}]"),
                    MaxParallel = 1 + Next(4),
                    OnError = (OnStepError)Next(2),
                    MinSuccess = Next(3),
                };
            case 12:
                return new WhileNode(bodies[0], Next(2) == 0 ? TimeSpan.FromSeconds(1) : null) { Id = id, Max = 1 + Next(4), Until = Next(2) == 0 ? Cel("output == 3") : null, Condition = Next(2) == 0 ? Cel("output != 2") : null };
            case 0:
                return new SelectorNode(bodies) { Id = id };
            case 1:
                return new SequenceNode(bodies) { Id = id, Timeout = Next(4) == 0 ? TimeSpan.FromSeconds(5 + Next(300)) : null };
            case 2:
                return new ParallelNode(bodies, 1 + Next(count)) { Id = id };
            case 3:
                return new RepeatNode(bodies[0], Next(2) == 0 ? TimeSpan.FromSeconds(1) : null) { Id = id, Times = 1 + Next(3), IsRetry = Next(2) == 0, Until = Next(3) == 0 ? Cel("output == 3") : null };
            case 4:
                return new InvertNode(new ConditionalSelectorNode([.. bodies.Select(b => (Next(2) == 0 ? Cel("run.cost_dollars > 0.0000001") : null, b))]) { Id = "b" }) { Id = id };
            default:
                break;
        }

        if (Next(2) == 0)
        {
            return new GraphNode([.. bodies.Select((b, i) => (b, new StepRules
            {
                DependsOn = [.. Enumerable.Range(0, i).Where(_ => Next(3) == 0)],
                OnError = (OnStepError)Next(2),
                Condition = Next(6) == 0 ? Cel("failed()") : null,
                RunsAfterFailure = Next(6) == 0,
            }))])
            { Id = id, MaxParallel = Next(3) == 0 ? 1 + Next(3) : null };
        }

        return new StateMachineNode(
            [.. bodies.Select((b, i) => (b, new StateRules
            {
                IsFinal = i == count - 1,
                OnSuccess = i == count - 1 ? null : Next(4) == 0 ? Next(count) : i + 1,
                OnError = Next(2) == 0 ? Next(count) : null,
                Transitions = Next(3) == 0 && i < count - 1 ? [new ConditionalTransition(Cel("output == 3"), Next(count))] : [],
            }))],
            Next(count))
        { Id = id, Timeout = Next(4) == 0 ? TimeSpan.FromSeconds(5 + Next(300)) : null };
    }

    internal static void Drive(Play play, SeededRandom random, List<StoredSnapshot> snapshots)
    {
        int Next(int below) => (int)(random.NextUInt64() % (ulong)below);
        for (int i = 0; i < 400 && !play.State.Status.IsTerminal(); i++)
        {
            play.Advance(TimeSpan.FromMilliseconds(Next(2000)));
            NodeRun[] leaves = [.. play.State.Open.Values.OrderBy(n => n.Id)];
            NodeRun node = leaves[Next(leaves.Length)];
            switch (Next(12))
            {
                case 0:
                    play.Feed(new SignalReceived(Next(2) == 0 ? "go" : "stop", Payload.FromText($"{Next(5)}"), i + 1));
                    break;
                case 1 when Next(10) == 0:
                    play.Feed(new CancelRequested("random", "why not"));
                    break;
                case 2 when Next(3) == 0:
                    play.Feed(new RunRecovered("other"));
                    break;
                case 3 when play.State.Status == RunStatus.Paused:
                    play.Feed(new ResumeRequested("random"));
                    break;
                case 3 when Next(5) == 0:
                    play.Feed(new PauseRequested("random"));
                    break;
                default:
                    Step(play, node, Next);
                    break;
            }

            if (Next(8) == 0 && !play.State.Status.IsTerminal())
            {
                snapshots.Add(new StoredSnapshot(play.State.Seq, Play.Bytes(play.State)));
            }
        }
    }

    private static void Step(Play play, NodeRun node, Func<int, int> next)
    {
        switch (node.Phase)
        {
            case NodePhase.Scheduled when play.State.Status != RunStatus.Paused:
                play.Feed(next(8) == 0 ? new StepDenied(node.Id, FakeTool.Error()) : new StepStarted(node.Id, node.Attempt + 1, next(100), false));
                break;
            case NodePhase.InFlight when node.Closing is not null && next(2) == 0:
                play.Feed(new StepCancelled(node.Id, node.Attempt));
                break;
            case NodePhase.InFlight when next(3) == 0:
                play.Feed(new StepFailed(node.Id, node.Attempt, FakeTool.Error((Contracts.Errors.ErrorCategory)next(5)), next(50)));
                break;
            case NodePhase.InFlight when next(3) == 0:
                play.Feed(new StepHandedOver(node.Id, node.Attempt, play.Now + next(3000)));
                break;
            case NodePhase.InFlight or NodePhase.Awaiting or NodePhase.Backoff when next(3) == 0:
                play.Feed(new StepAnswered(node.Id, next(6) == 0 ? node.Generation + 1 : node.Generation, next(2) == 0 ? Payload.FromText("3") : null, null, next(40), "agent:x"));
                break;
            case NodePhase.Awaiting when next(3) == 0:
                play.Feed(new StepAnswered(node.Id, node.Generation, null, FakeTool.Error((Contracts.Errors.ErrorCategory)next(5)), next(40), "agent:x"));
                break;
            case NodePhase.InFlight:
                play.Feed(new StepSucceeded(node.Id, node.Attempt, Payload.FromText($"{next(5)}"), next(50), next(9), 0, "p"));
                break;
            case NodePhase.Asked:
                play.Feed(new StepResolved(node.Id, (StepResolution)next(3), Payload.FromText("1"), "ops"));
                break;
            default:
                if (node.Due != 0)
                {
                    play.Advance(TimeSpan.FromMilliseconds(Math.Max(0, node.Due - play.Now)));
                    play.Feed(new TimerFired(node.Id, node.Due));
                }

                break;
        }
    }
}
