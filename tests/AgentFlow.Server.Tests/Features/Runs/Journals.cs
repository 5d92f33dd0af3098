using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Tools;

namespace AgentFlow.Server.Tests.Features.Runs;

/// <summary>Definitions and journals made by hand.</summary>
internal static class Journals
{
    public static readonly Ulid Run = new(1_700_000_000_000, 1, 2);

    public const string Hash = "aa";

    public static WorkflowDefinition Definition(string yaml)
    {
        var agents = new CustomAgentKind(new TestAgents().Types, new UlidFactory(TimeProvider.System, CryptographicRandom.Shared), TimeProvider.System);
        LoadResult loaded = new WorkflowLoader(ToolRegistry.Stubs(1), [agents]).Load(new WorkflowSource(yaml, WorkflowAssets.Empty));
        return loaded.Definition ?? throw new ArgumentException(string.Join('\n', loaded.Diagnostics));
    }

    public static RunRow Row(RunStatus status, string result = "") => new(Run, "flow", "1.0.0", Hash, status, result, 0, null);

    public static RunStarted Started { get; } =
        new("flow", "1.0.0", Hash, "bb", "trace", "test", Payload.FromText("""{"q":1}"""), Payload.EmptyObject);

    /// <summary>Gives each event a second more than the one before.</summary>
    public static List<JournalEvent> Timed(params JournalEvent[] events) => [.. events.Select((e, i) => e with { At = Run.UnixMilliseconds + (i * 1000) })];

    public static StepError Error { get; } = new("TOO_BUSY", ErrorCategory.Transient, "Come back later.", TimeSpan.FromSeconds(2));

    /// <summary>One event of each kind, with every field set.</summary>
    public static IReadOnlyList<JournalEvent> OneOfEach { get; } =
    [
        Started,
        new NodeEntered(0, -1, 0, 1),
        new NodeEntered(1, 0, 1, 1),
        new StepScheduled(1, Payload.FromText("[1,\n2]")),
        new StepStarted(1, 1, 5, true),
        new StepFailed(1, 1, Error, 7),
        new RetryScheduled(1, 1, 1_700_000_009_000),
        new TimerSet(1, 1_700_000_009_000),
        new TimerFired(1, 1_700_000_009_000),
        new StepSucceeded(1, 2, Payload.FromText("\"out\""), 1_500_000_000, 10, 20, "local"),
        new StepDenied(1, Error),
        new StepCancelled(1, 1),
        new Transitioned(0, 1, TransitionRule.Condition, 0),
        new NodeFinished(1, NodeStatus.Failed, null, Error),
        new NodeSkipped(0, 2),
        new ScopeCancelling(0, NodeStatus.Cancelled, Error),
        new SignalReceived("go", Payload.FromText("true"), 3),
        new SignalConsumed(1),
        new CancelRequested("api", "enough"),
        new RunRecovered("host:1"),
        new RunRestricted(new RunAuthority(PermissionSet.Parse(["network.http"]), new NamePatterns(["skill.*"]))),
        new RunStartsRestricted(new StartLimits([new RolePolicies { Workflows = new NamePatterns(["support*"]), MaxRunNanoDollars = 50_000_000 }, new RolePolicies { MaxRunNanoDollars = 1_000_000 }])),
        new StepUnknown(1, 1),
        new StepAsked(1),
        new StepResolved(1, StepResolution.Succeed, Payload.Null, "api"),
        new PauseRequested("api"),
        new ResumeRequested("api"),
        new StepHandedOver(1, 1, 1_700_000_009_000),
        new StepAnswered(1, 0, Payload.FromText("7"), null, 3, "agent:far"),
        new StepExpired(1, 1, Error),
        new CompensationPlanned(1, Payload.FromText("{\"id\":7}"), null),
        new CompensationStarted(0, NodeStatus.Failed, Error),
        new RunAdopted(Ulid.Parse("01ARZ3NDEKTSV4RRFFQ69G5FAV"), 3, 1, 2, 5_000_000_000),
        new RunPrioritized(-7),
        new ChildStarted(1, 1, Ulid.Parse("01ARZ3NDEKTSV4RRFFQ69G5FAV"), "billing", "1.2.0", new string('c', 64), 40, 0),
        new ChildCancelling(1, Error),
        new PlaceRequested(1, SharedKind.Semaphore, "ledger", 3),
        new PlaceGranted(1, 1_000_000, 1),
        new PlaceLeft(1, SharedKind.Semaphore, "ledger", true),
        new StepHeld(1, 1_700_000_060_000, 60_000, "2 requests a minute"),
        new PlaceWanted(1, "agent:writer", 1),
        new ApprovalRequested(1, "step", Payload.FromText("{\"title\":\"Pay\"}")),
        new ApprovalDecided(1, "step", true, "user:anna", "fine"),
        new PlanModified("changes: [{ remove: done }]", 0, "k", "ops", "not needed"),
        new PlanGrafted(-1, "changes: []"),
        new PlanRefused(Error),
        new PlanRejected(1, "steps[0].skill: no\nsteps: no"),
        new ItemsListed(1, Payload.FromText("[1]")),
        new LoopsWatched(),
        new StartHeld(0),
        new StepRejected(1, 1, Error, Payload.FromText("{\"nme\":7}"), 3),
        new RemedyStarted(1, 0),
        new RunCompleted("answered", Payload.FromText("{}")),
        new RunFailed(Error),
        new RunCancelled("enough"),
    ];
}
