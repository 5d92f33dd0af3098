using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Runs;

/// <summary>The fold of a run's journal. Changed by <see cref="Reducer.Apply"/> alone; owned by one thread at a time.</summary>
public sealed class RunState(string tenant, Ulid id, WorkflowDefinition definition)
{
    public string Tenant { get; } = tenant;

    public Ulid Id { get; } = id;

    /// <summary>The workflow version, with everything that the run has changed of its plan.</summary>
    public WorkflowDefinition Definition { get; internal set; } = definition;

    /// <summary>Events applied so far.</summary>
    public long Seq { get; internal set; }

    public RunStatus Status { get; internal set; } = RunStatus.Queued;

    /// <summary>Run time: Unix milliseconds of the latest event.</summary>
    public long Now { get; internal set; }

    public long StartedAt { get; internal set; }

    public RunStarted? Started { get; internal set; }

    /// <summary>What the run may do outside; <see langword="null"/>: whatever its workflow grants.</summary>
    public RunAuthority? Authority { get; internal set; }

    /// <summary>Whose step the run is; <see langword="null"/>: it was started for itself.</summary>
    public RunAdopted? Parent { get; internal set; }

    /// <summary>Higher ones are claimed first; see <see cref="Scheduling.RunPriority"/>.</summary>
    public int Priority { get; internal set; }

    /// <summary>The most that the run may spend: what its workflow says, or less where it is a step of a run that has less left.</summary>
    public long? BudgetNanoDollars => (Definition.Policies.MaxBudgetNanoDollars, Parent?.BudgetNanoDollars) switch
    {
        ({ } own, { } held) => Math.Min(own, held),
        var (own, held) => own ?? held,
    };

    public long SpentNanoDollars { get; internal set; }

    public long ReservedNanoDollars { get; internal set; }

    /// <summary>The run ends loops that learn nothing; said at its start, so that older runs go on as they did.</summary>
    public bool WatchesLoops { get; internal set; }

    /// <summary>How much has come from outside beside the outcomes of attempts: signals, answers, time.</summary>
    public long Information { get; internal set; }

    /// <summary>Node visits so far; also the id of the next one.</summary>
    public int Visits { get; internal set; }

    public int InFlight { get; internal set; }

    /// <summary>Open visits by id, oldest first when enumerated by id.</summary>
    public Dictionary<int, NodeRun> Open { get; } = [];

    public NodeRun? Root { get; internal set; }

    /// <summary>Signals that nobody has consumed, in order of arrival.</summary>
    public List<SignalReceived> Signals { get; } = [];

    /// <summary>Places at shared things that visits wait for or hold, by visit.</summary>
    internal Dictionary<int, Place> Places { get; } = [];

    /// <summary>What would be undone, in the order in which it was done.</summary>
    internal List<Compensable> Compensables { get; } = [];

    public string CancelReason { get; internal set; } = "";

    /// <summary>Set once completed.</summary>
    public string? Outcome { get; internal set; }

    public Payload? Output { get; internal set; }

    public StepError? Error { get; internal set; }

    /// <summary>Nothing moves until something arrives from outside: no step is in flight, scheduled or unanswered by admission.</summary>
    public bool IsIdle
    {
        get
        {
            if (InFlight > 0 || Status.IsTerminal())
            {
                return false;
            }

            foreach (NodeRun node in Open.Values)
            {
                if (node.Phase == NodePhase.Scheduled && Status != RunStatus.Paused)
                {
                    return false;
                }
            }

            return true;
        }
    }

    internal NodeRun OpenNode(int id) => Open.TryGetValue(id, out NodeRun? node)
        ? node
        : throw new IllegalTransitionException($"Run {Id} has no open node {id}; the event before it must have closed it.");
}
