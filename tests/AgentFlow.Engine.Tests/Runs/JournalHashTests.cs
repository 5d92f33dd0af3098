using System.Reflection;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.BehaviorTree;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.Graph;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Runs;

/// <summary>One hash for everything that chance may make of the same work, and another one for other work.</summary>
public class JournalHashTests
{
    private static readonly WorkflowDefinition Plain = Define(Graph("g", [.. Enumerable.Range(0, 6).Select(i => new Step(Call($"s{i}")))]));

    /// <summary>What does not count of an event that does, and of every event: its time.</summary>
    private static readonly HashSet<string> LeftOut =
    [
        "RunStarted.TraceId", "RunAdopted.Parent", "RunAdopted.Step", "RunAdopted.BudgetNanoDollars", "PlanModified.Key", "SignalReceived.Item",
        "StepSucceeded.Attempt", "StepFailed.Attempt", "StepRejected.Attempt", "StepCancelled.Attempt", "StepExpired.Attempt", "RetryScheduled.Due",
        "ChildStarted.Attempt", "ChildStarted.Child", "ChildStarted.ReservedNanoDollars", "ChildStarted.Due",
    ];

    [Fact]
    public void Rule_OfEveryEvent_IsDecided() => Assert.All(Enum.GetValues<EventTag>(), tag => Assert.True(Enum.IsDefined(JournalHashRules.Of(tag))));

    /// <summary>A new field fails here until somebody has decided about it.</summary>
    [Fact]
    public void Field_OfAnEventThatCounts_ChangesTheHashUnlessItIsLeftOut()
    {
        var stale = new HashSet<string>(LeftOut);
        foreach (JournalEvent example in FrameCodecTests.Examples)
        {
            bool counts = JournalHashRules.Of(example.Tag) < JournalHashRule.Clock;
            string hash = HashBehindVisits(example);
            Assert.True(counts == (hash != HashBehindVisits(null)), $"{example.Tag} {(counts ? "changes nothing" : "is left out and counts")}");
            Assert.Equal(hash, HashBehindVisits(example with { At = example.At + 1 }));
            // Of a visit its place in the plan counts, which its number only stands for.
            if (!counts || example is NodeEntered)
            {
                continue;
            }

            foreach (PropertyInfo field in example.GetType().GetProperties().Where(p => p.CanWrite && p.Name != "At"))
            {
                string name = $"{example.Tag}.{field.Name}";
                bool isLeftOut = stale.Remove(name) || LeftOut.Contains(name);
                foreach (object? other in Others(field, field.GetValue(example)))
                {
                    JournalEvent changed = example with { };
                    field.SetValue(changed, other);
                    Assert.True(isLeftOut == (hash == HashBehindVisits(changed)), $"{name} {(isLeftOut ? "is left out and counts" : "changes nothing")}");
                }
            }
        }

        Assert.Empty(stale);
    }

    [Fact]
    public void Interleavings_OfTheSameWork_HaveOneHash()
    {
        var hashes = new HashSet<string>();
        int undone = 0;
        int lost = 0;
        for (ulong seed = 1; seed <= 60; seed++)
        {
            var journals = new HashSet<string>();
            var same = new HashSet<string>();
            for (ulong order = 0; order < 12; order++)
            {
                Play play = new Work(seed).Play(order);
                string hash = JournalHash.Of(RunId, play.State.Definition, play.Journal);
                same.Add(hash);
                journals.Add(string.Join('\n', play.Journal.Select(e => e with { At = 0 })));
                undone += play.Journal.OfType<CompensationStarted>().Count();
                lost += play.Journal.OfType<StepUnknown>().Count();
                Assert.True(same.Count == 1, $"seed {seed}, order {order}: another hash");
            }

            Assert.True(journals.Count > 1, $"seed {seed}: everything came in one order, which proves nothing");
            Assert.True(hashes.Add(same.Single()), $"seed {seed}: the hash of another work");
        }

        Assert.True(undone > 0 && lost > 0, "nothing was undone, or no attempt was lost");
    }

    [Fact]
    public void Undoing_InAnotherOrderThanThePlans_IsAnotherHash()
    {
        var play = new Play(Define(Machine(
            "trip",
            new State(Call("flight", undo: Call("cancel_flight"))) { Next = "hotel" },
            new State(Call("hotel", undo: Call("cancel_hotel"))) { Next = "car" },
            new State(Call("car")) { Final = true })));
        play.Succeed("flight", "1").Succeed("hotel", "2").Fail("car", FakeTool.Error(ErrorCategory.Permanent)).Succeed("cancel_hotel").Succeed("cancel_flight");
        int[] undoing = [.. play.Journal.OfType<NodeEntered>().Where(e => play.State.Definition.NodeAt(e.Node).IsCompensation).Select(e => e.Id)];
        JournalEvent[] first = [.. play.Journal.Where(e => IdOf(e) == undoing[0])];
        JournalEvent[] second = [.. play.Journal.Where(e => IdOf(e) == undoing[1])];
        JournalEvent[] before = [.. play.Journal.TakeWhile(e => e != first[0])];
        JournalEvent[] after = [.. play.Journal.SkipWhile(e => e != second[^1]).Skip(1)];
        string Hash(IEnumerable<JournalEvent> undo) => JournalHash.Of(RunId, play.State.Definition, [.. before, .. undo, .. after]);
        Assert.Equal(JournalHash.Of(RunId, play.State.Definition, play.Journal), Hash([.. first, .. second]));
        Assert.NotEqual(Hash([.. first, .. second]), Hash([.. second.Select(e => WithId(e, undoing[0])), .. first.Select(e => WithId(e, undoing[1]))]));
    }

    [Fact]
    public void Ids_OfRunsInTexts_AreTakenForWhatTheyName()
    {
        Ulid other = Ulid.Parse("01BX5ZZKBKACTAV9WEVGEMMVRZ");
        string Of(Ulid run, Ulid child) => JournalHash.Of(run, Plain, [
            .. Visits(),
            new ChildStarted(1, 1, child, "billing", "1.0.0", new string('c', 64), 0, 0),
            new StepAnswered(1, 0, null, new StepError("STEP_TIMEOUT", ErrorCategory.Transient, $"Run {child} of run {run} did not end."), 0, $"run:{child}"),
        ]);
        Assert.Equal(Of(RunId, other), Of(other, RunId));
    }

    private static string HashBehindVisits(JournalEvent? journalEvent) => JournalHash.Of(Ulid.Parse("01BX5ZZKBKACTAV9WEVGEMMVS0"), Plain, [.. Visits(), .. journalEvent is null ? (JournalEvent[])[] : [journalEvent]]);

    private static IEnumerable<JournalEvent> Visits() => Enumerable.Range(0, 6).Select(i => new NodeEntered(i, i == 0 ? -1 : 0, i, 1));

    private static int IdOf(JournalEvent e) => e.GetType().GetProperty("Id")?.GetValue(e) as int? ?? -1;

    private static JournalEvent WithId(JournalEvent e, int id)
    {
        JournalEvent changed = e with { };
        changed.GetType().GetProperty("Id")!.SetValue(changed, id);
        return changed;
    }

    private static IEnumerable<object?> Others(PropertyInfo field, object? value) => value switch
    {
        int number => [number + 1],
        long number => [number + 1],
        bool flag => [!flag],
        string text => [text + "x"],
        Ulid id => [new Ulid(id.UnixMilliseconds + 1, 1, 1)],
        Payload payload => Nullable(field) ? [Payload.FromText($"[{payload}]"), null] : [Payload.FromText($"[{payload}]")],
        StepError error =>
        [
            error with { Code = "OTHER" }, error with { Message = "other" }, error with { Category = ErrorCategory.Permission }, error with { RetryAfter = TimeSpan.FromHours(1) },
            .. Nullable(field) ? (StepError?[])[null] : [],
        ],
        Enum word => [Enum.ToObject(word.GetType(), (byte)(Convert.ToByte(word, null) ^ 1))],
        RunAuthority authority => [authority with { AllowedTools = null }, authority with { Permissions = PermissionSet.Parse(["network.http"]) }],
        StartLimits => [new StartLimits([])],
        null when field.PropertyType == typeof(Payload) => [Payload.EmptyObject],
        null when field.PropertyType == typeof(StepError) => [FakeTool.Error()],
        _ => throw new NotSupportedException($"No other value of {field.DeclaringType!.Name}.{field.Name} is known."),
    };

    private static bool Nullable(PropertyInfo field) => new NullabilityInfoContext().Create(field).ReadState == NullabilityState.Nullable;

    /// <summary>A random plan with what comes of every call in it: a function of the seed, whatever the order.</summary>
    private sealed class Work
    {
        private static readonly StepError Invalid = new("OUTPUT_INVALID", ErrorCategory.Permanent, "it has no name");
        private static readonly StepError Broken = new("STEP_FAILED", ErrorCategory.Permanent, "no");

        private readonly ulong _seed;
        private readonly WorkflowDefinition _definition;

        public Work(ulong seed)
        {
            _seed = seed;
            var random = new SeededRandom(seed);
            int Below(int most) => (int)(random.NextUInt64() % (ulong)most);
            var steps = new List<Step>();
            for (int i = 0; i < 4 + Below(4); i++)
            {
                PlanNode body = Below(6) switch
                {
                    0 => Machine($"m{i}", new State(Leaf($"m{i}a")) { Next = $"m{i}b" }, new State(Leaf($"m{i}b")) { Final = true }),
                    1 => new ForeachNode(Leaf($"f{i}a")) { Id = $"f{i}", Items = Template("[1,2,3]"), OnError = OnStepError.Continue, MaxParallel = 1 + Below(3) },
                    2 => new ParallelNode([Leaf($"p{i}a"), Leaf($"p{i}b")], 2) { Id = $"p{i}" },
                    _ => Leaf($"c{i}"),
                };
                // The first two run side by side, so that there is more than one order.
                steps.Add(new Step(body) { After = [.. steps.Where((_, j) => i > 1 && Below(3) == 0).Select(s => s.Body.Id)], OnError = OnStepError.Continue });
            }

            steps.Add(new Step(Call("end", input: "{}")) { After = [.. steps.Select(s => s.Body.Id)], If = "failed()" });
            _definition = Define(Graph("g", [.. steps]));
        }

        public Play Play(ulong order)
        {
            var random = new SeededRandom(_seed * 1000 + order);
            var play = new Play(_definition);
            int crashes = 0;
            while (!play.State.Status.IsTerminal())
            {
                if (play.State.InFlight > 0 && crashes < 3 && random.NextUInt64() % 10 == 0)
                {
                    crashes++;
                    play.Feed(new RunRecovered("host"));
                    continue;
                }

                NodeRun[] open = [.. play.State.Open.Values.Where(n => n.Phase is NodePhase.Scheduled or NodePhase.InFlight or NodePhase.Backoff).OrderBy(n => n.Id)];
                NodeRun node = open[(int)(random.NextUInt64() % (ulong)open.Length)];
                play.Advance(TimeSpan.FromMilliseconds(random.NextUInt64() % 500));
                Assert.True(play.Feed(node.Phase switch
                {
                    NodePhase.Scheduled => new StepStarted(node.Id, node.Attempt + 1, (long)(random.NextUInt64() % 100), false),
                    NodePhase.Backoff => new TimerFired(node.Id, node.Due),
                    _ => Outcome(node),
                }));
            }

            return play;
        }

        private static CallNode Leaf(string id) => new()
        {
            Id = id,
            Tool = FakeTool.External,
            Input = Template($$"""{"of":"{{id}}"}"""),
            Retry = new RetryPolicy { MaxAttempts = 3, Initial = TimeSpan.FromMilliseconds(100) },
            Remedies = [new Remedy([Invalid.Code]) { Call = Call($"fix_{id}"), IsAnswer = true }],
            Compensation = Call($"undo_{id}"),
        };

        private JournalEvent Outcome(NodeRun node)
        {
            // Not of the path of what helps or undoes, which has a visit's number in it.
            ulong dice = node.Node.IsCompensation || node.Node.IsRemedy ? 5 : new SeededRandom(_seed ^ Hash($"{node.Path} {node.FailedAttempts}")).NextUInt64() % 12;
            // The failure of one branch cancels the other, wherever it is: then who is faster decides what is done.
            dice = node.Node.Parent is ParallelNode && (node.FailedAttempts > 0 || dice == 3) ? 5 : dice;
            return dice switch
            {
                _ when node.Node.Id == "end" => new StepFailed(node.Id, node.Attempt, Broken, 0),
                0 or 1 => new StepFailed(node.Id, node.Attempt, FakeTool.Error(), 3),
                2 => new StepRejected(node.Id, node.Attempt, Invalid, Payload.FromText("[]"), 1),
                3 => new StepFailed(node.Id, node.Attempt, Broken, 2),
                _ => new StepSucceeded(node.Id, node.Attempt, Payload.FromText($$"""{"seed":{{_seed}}}"""), 7, 1, 2, "local"),
            };
        }

        private static ulong Hash(string text) => text.Aggregate(14695981039346656037UL, (hash, c) => (hash ^ c) * 1099511628211UL);
    }
}
