using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Tests.Runs;

public class FrameCodecTests
{
    private const long T = 1_700_000_000_000;

    private static readonly StepError Error = new("CODE", ErrorCategory.Resource, "mëssage", TimeSpan.FromMilliseconds(1500));

    /// <summary>One example of every event. An entry is never changed; new tags add new ones.</summary>
    internal static readonly JournalEvent[] Examples =
    [
        new RunStarted("support", "1.2.0", new string('a', 64), new string('b', 64), "trace", "user:1", Payload.FromText("{\"m\":\"hi\"}"), Payload.EmptyObject) { At = T },
        new NodeEntered(0, -1, 0, 1) { At = T },
        new StepScheduled(1, Payload.FromText("[1,2]")) { At = T },
        new StepStarted(1, 1, 2_500_000_000, true) { At = T },
        new StepSucceeded(1, 1, Payload.FromText("\"ok\""), 1234, 300, 4000, "local") { At = T },
        new StepFailed(1, 2, Error, 5) { At = T },
        new StepDenied(1, Error with { RetryAfter = null }) { At = T },
        new StepCancelled(1, 3) { At = T },
        new RetryScheduled(1, 1, T + 200) { At = T },
        new TimerSet(0, T + 60_000) { At = T },
        new TimerFired(0, T + 60_000) { At = T },
        new Transitioned(0, 300, TransitionRule.Condition, 2) { At = T },
        new NodeFinished(2, NodeStatus.Failed, null, Error) { At = T },
        new NodeSkipped(0, 4) { At = T },
        new ScopeCancelling(0, NodeStatus.Cancelled, null) { At = T },
        new SignalReceived("go", Payload.FromText("true"), 77) { At = T },
        new SignalConsumed(3) { At = T },
        new CancelRequested("ops", "enough") { At = T },
        new RunRecovered("host:42") { At = T },
        new StepUnknown(1, 1) { At = T },
        new StepAsked(1) { At = T },
        new StepResolved(1, StepResolution.Succeed, Payload.FromText("{}"), "ops") { At = T },
        new RunCompleted("answered", Payload.FromText("{\"a\":1}")) { At = T },
        new RunFailed(Error) { At = T },
        new RunCancelled("enough") { At = T },
        new PauseRequested("ops") { At = T },
        new ResumeRequested("ops") { At = T },
        new RunRestricted(new RunAuthority(PermissionSet.Parse(["network.http", "k8s.pods"]), new NamePatterns(["skill.echo", "crm.*"]))) { At = T },
        new StepHandedOver(1, 2, T + 30_000) { At = T },
        new StepAnswered(1, 1, Payload.FromText("{\"done\":true}"), null, 77, "agent:far") { At = T },
        new StepExpired(1, 2, Error) { At = T },
        new CompensationPlanned(1, Payload.FromText("{\"id\":7}"), null) { At = T },
        new CompensationStarted(0, NodeStatus.Failed, Error) { At = T },
        new RunAdopted(Flow.RunId, 3, 1, 2, 5_000_000_000) { At = T },
        new RunPrioritized(-7) { At = T },
        new ChildStarted(1, 2, Flow.RunId, "billing", "1.2.0", new string('c', 64), 40, T + 60_000) { At = T },
        new ChildCancelling(1, Error) { At = T },
        new PlaceRequested(1, SharedKind.Semaphore, "ledger", 3) { At = T },
        new PlaceGranted(1, 1_000_000, 2) { At = T },
        new PlaceLeft(1, SharedKind.Barrier, "gate", false) { At = T },
        new StepHeld(1, T + 60_000, 60_000, "2 requests a minute") { At = T },
        new PlaceWanted(1, "agent:writer", 1) { At = T },
        new PlanModified("changes: [{ remove: a }]", -1, "k1", "ops", "not needed") { At = T },
        new PlanGrafted(-1, "changes: [{ remove: a }]") { At = T },
        new PlanRefused(Error) { At = T },
        new ApprovalRequested(1, "step", Payload.FromText("{\"title\":\"Pay\"}")) { At = T },
        new ApprovalDecided(1, "step", true, "user:anna", "fine") { At = T },
        new ItemsListed(3, Payload.FromText("[1,2]")) { At = T },
        new LoopsWatched() { At = T },
        new PlanRejected(1, "steps[0].skill: no") { At = T },
        new StepRejected(1, 2, Error, Payload.FromText("{\"nme\":7}"), 5) { At = T },
        new RemedyStarted(1, 2) { At = T },
        new RunStartsRestricted(new StartLimits([new RolePolicies { Workflows = new NamePatterns(["support*"]), MaxRunNanoDollars = 50_000_000 }, new RolePolicies()])) { At = T },
        new StartHeld(0) { At = T },
    ];

    private static string GoldenPath => Path.Combine(AppContext.BaseDirectory, "golden", "frames.json");

    [Fact]
    public void Golden_EveryTag_EncodesAndDecodesAsRecorded()
    {
        Dictionary<string, string> golden = JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllText(GoldenPath))!;
        foreach (JournalEvent example in Examples)
        {
            string hex = Convert.ToHexStringLower(FrameCodec.Encode([example], new List<Payload>()));
            Assert.True(golden.TryGetValue(example.Tag.ToString(), out string? recorded), $"No golden frame for {example.Tag}; add \"{example.Tag}\": \"{hex}\" to golden/frames.json.");
            Assert.Equal(recorded, hex);
            Assert.Equal(example, Assert.Single(FrameCodec.Decode(Convert.FromHexString(recorded), _ => null).Events));
        }

        Assert.Equal(Enum.GetNames<EventTag>().Order(), golden.Keys.Order());
    }

    [Fact]
    public void Encode_ManyEvents_RoundTripsWithTimes()
    {
        JournalEvent[] events = [.. Examples.Select((e, i) => e with { At = T + (i * 1000) })];
        Frame frame = FrameCodec.Decode(FrameCodec.Encode(events, new List<Payload>()), _ => null);
        Assert.Equal(events, frame.Events);
    }

    [Fact]
    public void Digest_CoversDecisionsAndNotCauses()
    {
        uint Digest(params JournalEvent[] events) => FrameCodec.Decode(FrameCodec.Encode(events, new List<Payload>()), _ => null).Digest;
        var cause = new SignalReceived("a", Payload.Null, 1) { At = T };
        var decision = new NodeEntered(0, -1, 0, 1) { At = T };
        Assert.Equal(Digest(cause, decision), Digest(cause with { Name = "b" }, decision));
        Assert.NotEqual(Digest(cause, decision), Digest(cause, decision with { Visit = 2 }));
    }

    [Fact]
    public void Decode_RandomBytesBehindAValidChecksum_NeverThrowsAnythingElse()
    {
        for (int seed = 0; seed < 20_000; seed++)
        {
            var random = new Contracts.Randomness.SeededRandom((ulong)seed);
            byte[] bytes = new byte[10 + (int)(random.NextUInt64() % 60)];
            random.Fill(bytes);
            bytes[0] = FrameCodec.FormatVersion;
            bytes[1] = FrameCodec.EngineVersion;
            BitConverter.TryWriteBytes(bytes.AsSpan(bytes.Length - 4), FrameCodec.Crc(0, bytes.AsSpan(0, bytes.Length - 4)));
            try
            {
                FrameCodec.Decode(bytes, _ => null);
            }
            catch (FrameCorruptException)
            {
                // The only answer to damage.
            }
        }
    }
}
