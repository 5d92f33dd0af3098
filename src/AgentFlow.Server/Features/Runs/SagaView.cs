using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Runs;

/// <summary>What a run has done that can be undone, and how far undoing it has come.</summary>
/// <param name="Status"><c>none</c> (nothing can be undone), <c>armed</c>, <c>compensating</c>, <c>waiting</c> (somebody is asked), <c>compensated</c>, <c>incomplete</c> (something was given up) or <c>kept</c> (the run completed).</param>
public sealed record SagaView(string RunId, string Status, IReadOnlyList<SagaStepView> Steps)
{
    internal static SagaView Of(RunRow row, RunFold fold)
    {
        SagaStepView[] steps = [.. fold.Undoable.Select(done => SagaStepView.Of(fold, done.Key, done.Value))];
        string status = steps.Length == 0 ? "none"
            : steps.Any(s => s.Status == "asked") ? "waiting"
            : steps.Any(s => s.Status == "compensating") ? "compensating"
            : steps.All(s => s.Status == "done") ? row.Status == RunStatus.Completed ? "kept" : "armed"
            : steps.Any(s => s.Status == "given_up") ? "incomplete"
            : fold.HasEnded ? "compensated" : "compensating";
        return new SagaView(row.Run.ToString(), status, steps);
    }
}

/// <summary>One step that was done, in the order in which it was done.</summary>
/// <param name="Id">The step's visit.</param>
/// <param name="Status"><c>done</c>, <c>compensating</c>, <c>asked</c>, <c>compensated</c> or <c>given_up</c>.</param>
/// <param name="Compensation">The visit that undoes it, to be resolved with when it is asked; <see langword="null"/> before it begins.</param>
/// <param name="Target">The tool or agent that undoes it.</param>
/// <param name="Input">What that is called with; <see langword="null"/> when it cannot be computed.</param>
public sealed record SagaStepView(
    string Id, string Path, string Node, string Status, string? Compensation, string? Target, RawJson? Input, int Attempts, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, ErrorView? Error)
{
    internal static SagaStepView Of(RunFold fold, int id, CompensationPlanned planned)
    {
        Visit visit = fold.Visits[id];
        StepFold? undoing = fold.Undoing.GetValueOrDefault(id);
        string status = undoing?.Status switch
        {
            null => "done",
            "succeeded" => "compensated",
            "failed" or "cancelled" => "given_up",
            "asked" => "asked",
            _ => "compensating",
        };
        return new SagaStepView(
            Number(id),
            visit.Path,
            visit.Name,
            status,
            undoing is null ? null : Number(undoing.Visit.Id),
            RunFold.Describe((visit.Node as Engine.Nodes.CallNode)?.Compensation).Target,
            planned.Input is { } input ? new RawJson(input.Utf8) : null,
            undoing?.Attempts ?? 0,
            undoing is null ? null : UnixTime.Of(undoing.EnteredAt),
            undoing?.EndedAt is { } ended ? UnixTime.Of(ended) : null,
            ErrorView.Of(undoing?.Error ?? planned.Error));
    }

    private static string Number(int visit) => visit.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
