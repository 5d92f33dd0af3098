using System.Text.Json;
using AgentFlow.Contracts.Planning;
using AgentFlow.Contracts.Tools;

namespace AgentFlow.Engine.Planning;

/// <summary>
/// Makes a plan for a goal out of the skills of a manifest. Implementations hold no state that one call could leave for
/// the next and are safe for concurrent calls. An expected failure is a <see cref="PlannerResult.Error"/>.
/// </summary>
public interface IPlanner
{
    /// <summary>Stable name, for example <c>deterministic</c>.</summary>
    string Name { get; }

    /// <summary>Semantic version; it changes whenever equal requests may get other plans.</summary>
    string Version { get; }

    /// <summary>How far two plans for equal requests agree. <see cref="Determinism.Full"/>: byte for byte.</summary>
    Determinism Determinism { get; }

    ValueTask<PlannerResult> PlanAsync(PlanRequest request, CancellationToken cancellationToken);
}

/// <summary>What a planner gets, and all that its plan may depend on.</summary>
/// <param name="Goal">What is to be reached, in words.</param>
/// <param name="Manifest">The skills at hand: an array of skill ids, or of objects with an <c>id</c> or <c>skill_id</c> and whatever else they carry.</param>
public sealed record PlanRequest(string Goal, JsonElement Manifest);

/// <summary>A plan, or why there is none.</summary>
public abstract record PlannerResult
{
    private PlannerResult()
    {
    }

    public sealed record Output(PlannerOutput Plan) : PlannerResult;

    /// <param name="Reason">Safe to show to the caller.</param>
    /// <param name="Cause">The exception behind it, for the log; <see langword="null"/> for an expected failure.</param>
    public sealed record Error(PlannerError Reason, Exception? Cause = null) : PlannerResult;
}
