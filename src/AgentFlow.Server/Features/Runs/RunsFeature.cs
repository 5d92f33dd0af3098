using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Runs;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Runs;

/// <summary>The addresses under <c>/runs</c>.</summary>
internal static class RunsFeature
{
    private const string Tag = "Runs";
    private const string Unchanged = "Unchanged since the ETag in `If-None-Match`.";
    private const string Taken = "On disk; it will be taken exactly once.";

    private static readonly ParameterNote Key = new(IdempotencyKeys.Header, "string", "Sent again with the same key before the run has ended, the command is accepted and carried out once.", "header");

    private static readonly ErrorCode[] Command =
        [ErrorCode.RunNotFound, ErrorCode.RunAlreadyEnded, ErrorCode.ValidationFailed, ErrorCode.JsonInvalid, ErrorCode.PayloadTooLarge, ErrorCode.UnsupportedMediaType, ErrorCode.RateLimited];

    public static void MapRuns(this IEndpointRouteBuilder api, RunEndpoints runs, CommandEndpoints commands, PlanModifier modifier, StreamEndpoint stream)
    {
        api.MapGet("/runs", runs.ListAsync)
            .AuditsRead("run.read", "run")
            .Says("listRuns", Tag, "List runs, newest first", "Items have the short form: without input, output, path and steps.")
            .Needs(Permission.RunsRead)
            .Takes(
                ParameterNote.Size,
                ParameterNote.Cursor,
                new ParameterNote("filter[workflow]", "string", "Only runs of this workflow."),
                new ParameterNote("filter[status]", "string", "Only runs in this status.") { Words = [.. Enum.GetValues<RunStatus>().Select(s => s.Word())] },
                new ParameterNote("filter[parent]", "string", "Only runs that do steps of this run."),
                new ParameterNote("sort", "string", "The order.") { Words = ["-created_at"], Default = "-created_at" })
            .Gives<PageView<RunView>>(200, "Runs.").Gives(304, Unchanged)
            .Fails();
        api.MapGet("/runs/{id}", runs.GetAsync)
            .AuditsRead("run.read", "run")
            .Says("getRun", Tag, "Read a run")
            .Needs(Permission.RunsRead)
            .Gives<RunView>(200, "The run, as far as it is durable.").Gives(304, Unchanged)
            .Fails(ErrorCode.RunNotFound);
        api.MapGet("/runs/{id}/plan", runs.PlanAsync)
            .AuditsRead("run.read", "run")
            .Says("getRunPlan", Tag, "Read the plan of a run")
            .Needs(Permission.RunsRead)
            .Gives<PlanView>(200, "The plan and how far it has come.").Gives(304, Unchanged)
            .Fails(ErrorCode.RunNotFound, ErrorCode.RunDiverged);
        api.MapGet("/runs/{id}/saga", runs.SagaAsync)
            .AuditsRead("run.read", "run")
            .Says("getRunSaga", Tag, "Read what a run can undo", "Steps with `compensate` that were done, oldest first, and how far undoing them has come. A compensation that is `asked` takes a resolution under its own step id.")
            .Needs(Permission.RunsRead)
            .Gives<SagaView>(200, "What was done, and what of it is undone.").Gives(304, Unchanged)
            .Fails(ErrorCode.RunNotFound);
        api.MapGet("/runs/{id}/explain", runs.ExplainAsync)
            .AuditsRead("run.read", "run")
            .Says("explainRun", Tag, "Read why a run took its way", "What was decided, in words, with every condition that was asked, what it read and what it came to. Derived from the journal by the planning function.")
            .Needs(Permission.RunsRead)
            .Gives<ExplanationView>(200, "The decisions in order.").Gives(304, Unchanged)
            .Fails(ErrorCode.RunNotFound, ErrorCode.RunDiverged);
        api.MapGet("/runs/{id}/events", runs.EventsAsync)
            .AuditsRead("run.read", "run")
            .Says("listRunEvents", Tag, "Read a part of a run's journal", "`next_cursor` is the `from` of the next part, null at the journal's end as it is now.")
            .Needs(Permission.RunsRead)
            .Takes(
                new ParameterNote("from", "integer", "First sequence.") { Least = 0, Default = "0" },
                new ParameterNote("limit", "integer", "Most events; large values end a page before it.") { Least = 1, Most = 1000, Default = "100" })
            .Gives<EventPageView>(200, "Events in order.").Gives(304, Unchanged)
            .Fails(ErrorCode.RunNotFound);
        api.MapGet("/runs/{id}/stream", stream.HandleAsync)
            .AuditsRead("run.read", "run")
            .Says("streamRun", Tag, "Follow a run", "Durable events as they come, as server-sent events (`id` is the sequence, `event` the type, `data` the event; `event: end` is the last) or, on a WebSocket upgrade, one event in each text message (closed with 1000 at the run's end, with 1013 and the last sequence when the reader is too slow). Without loss or repetition from `Last-Event-ID` or `from` on.")
            .Needs(Permission.RunsRead)
            .Takes(
                new ParameterNote("from", "integer", "First sequence.") { Least = 0, Default = "0" },
                new ParameterNote("Last-Event-ID", "integer", "The last sequence that was received; goes before `from`.", "header"))
            .Gives(200, "Server-sent events.", "text/event-stream").Gives(101, "A WebSocket.")
            .Fails(ErrorCode.RunNotFound, ErrorCode.NotAcceptable);
        api.MapPost("/runs/{id}/cancel", commands.CancelAsync)
            .Audits("run.cancel", "run")
            .Says("cancelRun", Tag, "Cancel a run", "Steps in flight are asked to stop; the run ends once none is left.")
            .Needs(Permission.RunsControl)
            .TakesBody<CancelBody>(false).Gives<AcceptedView>(202, Taken).Fails(Command);
        api.MapPost("/runs/{id}/signal", commands.SignalAsync)
            .Audits("run.signal", "run")
            .Says("signalRun", Tag, "Send a signal to a run", "A signal that comes before its wait is kept, first in first out by name.")
            .Needs(Permission.RunsSignal)
            .Takes(Key)
            .TakesBody<SignalBody>(true).Gives<AcceptedView>(202, Taken).Fails(Command);
        api.MapPost("/runs/{id}/pause", commands.PauseAsync)
            .Audits("run.pause", "run")
            .Says("pauseRun", Tag, "Pause a run", "No new step starts; those in flight finish.")
            .Needs(Permission.RunsControl)
            .Takes(Key)
            .TakesBody<EmptyBody>(false).Gives<AcceptedView>(202, Taken).Fails(Command);
        api.MapPost("/runs/{id}/resume", commands.ResumeAsync)
            .Audits("run.resume", "run")
            .Says("resumeRun", Tag, "Let a paused run go on")
            .Needs(Permission.RunsControl)
            .Takes(Key)
            .TakesBody<EmptyBody>(false).Gives<AcceptedView>(202, Taken).Fails(Command);
        api.MapPost("/runs/{id}/migrate", commands.MigrateAsync)
            .Audits("run.migrate", "run")
            .Says("migrateRun", Tag, "Move a run to another process", "The run starts no further step where it is; once none is in flight it leaves that process's memory, and other processes may claim it first. With one process it comes back to it.")
            .Needs(Permission.RunsControl)
            .Takes(Key)
            .TakesBody<EmptyBody>(false).Gives<AcceptedView>(202, Taken).Fails(Command);
        api.MapPost("/runs/{id}/plan", modifier.HandleAsync)
            .Audits("run.modify", "run")
            .Says("modifyRunPlan", Tag, "Change the plan of a run", "Inserts, replaces and removes what the run has not entered yet, and leads states elsewhere. The changed plan is read like a workflow file; all changes are made, or none.")
            .Needs(Permission.WorkflowsWrite)
            .Takes(Key)
            .TakesBody<ModifyPlanBody>(true)
            .Gives<PlanModifiedView>(200, "The run goes on with the changed plan.")
            .Gives<PlanModifiedView>(202, "On disk; the run decides when it takes the changes, and its journal says how.")
            .Fails([.. Command, ErrorCode.PlanChangeInvalid, ErrorCode.PlanChanged, ErrorCode.StepBegun, ErrorCode.RunDiverged]);
        api.MapPost("/runs/{id}/steps/{step}/resolve", commands.ResolveAsync)
            .Audits("run.resolve", "run")
            .Says("resolveStep", Tag, "Say what became of a step", "For a step of unknown outcome whose `on_unknown` is `ask`: its status is `asked`. `step` is its `id` in the run's `steps`, or its id in the workflow where one step of that id asks.")
            .Needs(Permission.RunsResolve)
            .Takes(Key)
            .TakesBody<ResolveBody>(true).Gives<AcceptedView>(202, Taken).Fails([.. Command, ErrorCode.StepNotFound, ErrorCode.StepNotWaiting]);
    }
}

/// <summary>Why a run should stop.</summary>
internal sealed record CancelBody
{
    /// <summary>Kept with the run.</summary>
    public string? Reason { get; init; }
}

/// <summary>Something for a run that waits for it.</summary>
internal sealed record SignalBody
{
    /// <summary>What the workflow waits for.</summary>
    public required string Name { get; init; }

    /// <summary>Any value; becomes the wait's output.</summary>
    public JsonElement? Payload { get; init; }

    /// <summary>The same id again is the same signal.</summary>
    public string? Id { get; init; }
}

/// <summary>Changes of a run's plan.</summary>
internal sealed record ModifyPlanBody
{
    /// <summary>A list of changes (each with <c>insert</c>, <c>replace</c>, <c>remove</c> or <c>redirect</c>), or the YAML text of a document that holds one.</summary>
    public required JsonElement Changes { get; init; }

    /// <summary>Why, for the journal and the audit.</summary>
    public string? Reason { get; init; }

    /// <summary>The <c>revision</c> of the plan that the changes were made for. Default: whichever it has.</summary>
    public int? Revision { get; init; }
}

/// <summary>Nothing.</summary>
internal sealed record EmptyBody;

/// <summary>What became of a step.</summary>
internal sealed record ResolveBody
{
    /// <summary><c>retry</c>: it did not happen or may be repeated. <c>succeed</c>: it happened, with the given output. <c>fail</c>: it failed.</summary>
    public required string Resolution { get; init; }

    /// <summary>With <c>succeed</c>.</summary>
    public JsonElement? Output { get; init; }
}

/// <param name="Items">Events: <c>seq</c>, <c>at</c>, <c>type</c>, <c>cause</c>, and what else their type has.</param>
/// <param name="NextCursor">The <c>from</c> of the next part; <see langword="null"/> at the end.</param>
internal sealed record EventPageView(IReadOnlyList<EventView> Items, string? NextCursor);

/// <summary>One event of a run's journal. Members beyond these depend on the type.</summary>
/// <param name="Seq">Place in the journal, from 0 without gaps.</param>
/// <param name="At">Run time.</param>
/// <param name="Type">For example <c>step_succeeded</c>.</param>
/// <param name="Cause">True when it came from outside the planning function.</param>
internal sealed record EventView(long Seq, DateTimeOffset At, string Type, bool Cause);
