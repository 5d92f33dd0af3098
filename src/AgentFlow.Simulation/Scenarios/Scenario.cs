using System.Text.Json;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Expressions.Cel;
using AgentFlow.Simulation.Rehearsals;

namespace AgentFlow.Simulation.Scenarios;

/// <summary>One scenario of a workflow: what goes in, what stands in for the outside, and what has to come of it.</summary>
public sealed record Scenario
{
    /// <summary>The clock of a scenario that names none.</summary>
    public static readonly DateTimeOffset DefaultStart = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public required string Name { get; init; }

    public string Description { get; init; } = "";

    /// <summary>The workflow file, relative to the scenario's folder; <see langword="null"/>: the project's only one.</summary>
    public string? Workflow { get; init; }

    public DateTimeOffset Start { get; init; } = DefaultStart;

    public ulong Seed { get; init; } = 1;

    public Payload Input { get; init; } = Payload.EmptyObject;

    /// <summary>What <c>env.NAME</c> reads.</summary>
    public IReadOnlyDictionary<string, string> Env { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Outcomes by what they stand in for; the last one of a list stays.</summary>
    public IReadOnlyDictionary<StubTarget, IReadOnlyList<StubbedOutcome>> Stubs { get; init; } = new Dictionary<StubTarget, IReadOnlyList<StubbedOutcome>>();

    /// <summary>What is decided about the approvals of a step, by its id or path; the last decision of a list stays.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<Decision>> Approvals { get; init; } = new Dictionary<string, IReadOnlyList<Decision>>(StringComparer.Ordinal);

    /// <summary>What is decided about the run before it begins; <see langword="null"/>: it is expected to cost what it may, and nobody is asked.</summary>
    public Decision? Preflight { get; init; }

    /// <summary>Policies of registered agents, as JSON, by the name that the workflow has for them; one that is not there restricts nothing.</summary>
    public IReadOnlyDictionary<string, string> Registered { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    public IReadOnlyList<Arrival> Arrivals { get; init; } = [];

    public Expectation Expect { get; init; } = new();

    /// <summary>The file with the trace that has to come out, relative to the scenario's folder; <see langword="null"/>: none is compared.</summary>
    public string? Golden { get; init; }
}

public enum StubKind
{
    Step,
    Agent,
    Tool,
}

/// <summary>What a stub stands in for: a step by its id or path, an agent by its id, a tool by its id.</summary>
public readonly record struct StubTarget(StubKind Kind, string Name)
{
    public override string ToString() => $"{Kind.ToString().ToLowerInvariant()}s.{Name}";
}

/// <summary>What one attempt comes to.</summary>
public sealed record StubbedOutcome
{
    /// <summary><see langword="null"/> with an error, and when no answer ever comes.</summary>
    public Payload? Output { get; init; }

    public StepError? Error { get; init; }

    /// <summary>How long it takes.</summary>
    public TimeSpan After { get; init; }

    /// <summary>No answer ever comes: the step's time limit ends the attempt.</summary>
    public bool Hangs { get; init; }

    public long CostNanoDollars { get; init; }

    public long InputTokens { get; init; }

    public long OutputTokens { get; init; }

    /// <summary>What comes when its time has passed.</summary>
    internal StepOutcome Outcome => new()
    {
        Output = (Output ?? Payload.Null).Utf8,
        Error = Error,
        CostNanoDollars = CostNanoDollars,
        InputTokens = InputTokens,
        OutputTokens = OutputTokens,
        Provider = "stub",
    };

    /// <summary>Takes its time on the rehearsal's clock, and answers.</summary>
    public async ValueTask<StepOutcome> PerformAsync(TimeProvider clock, CancellationToken cancellationToken)
    {
        if (Hangs)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, clock, cancellationToken).ConfigureAwait(false);
        }

        if (After > TimeSpan.Zero)
        {
            await Task.Delay(After, clock, cancellationToken).ConfigureAwait(false);
        }

        return Outcome;
    }
}

/// <summary>What has to come of a scenario. What is not said is not compared.</summary>
public sealed record Expectation
{
    /// <summary>Default <see cref="RunStatus.Completed"/>; a status that is no end means that the run still waits when nothing moves any more.</summary>
    public RunStatus? Status { get; init; }

    public string? Outcome { get; init; }

    /// <summary>Code of the run's error.</summary>
    public string? Error { get; init; }

    /// <summary>Compared member by member: what the run's output has beyond it does not matter.</summary>
    public JsonElement? Output { get; init; }

    /// <summary>Ids of the calls, waits and empty steps in the order in which they were entered.</summary>
    public IReadOnlyList<string>? Path { get; init; }

    /// <summary>Ids of steps that were undone, in that order.</summary>
    public IReadOnlyList<string>? Compensated { get; init; }

    /// <summary>What has to hold of single steps.</summary>
    public IReadOnlyDictionary<string, StepExpectation> Steps { get; init; } = new Dictionary<string, StepExpectation>(StringComparer.Ordinal);

    /// <summary>Conditions over <c>input</c>, <c>output</c>, <c>status</c>, <c>outcome</c>, <c>error</c>, <c>steps</c> and <c>run</c>.</summary>
    public IReadOnlyList<CelExpression> Checks { get; init; } = [];

    public TimeSpan? AtLeast { get; init; }

    public TimeSpan? AtMost { get; init; }

    /// <summary>The most that the run may cost, in 10⁻⁹ dollars.</summary>
    public long? MaxCostNanoDollars { get; init; }
}

/// <summary>What has to hold of one step. Input, output and error are those of its latest visit.</summary>
public sealed record StepExpectation(int? Visits, int? Attempts, string? Status, string? Error, JsonElement? Input, JsonElement? Output);
