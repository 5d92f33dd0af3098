using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Features.Runs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Workflows;

/// <summary>The addresses under <c>/workflows</c>.</summary>
internal static class WorkflowsFeature
{
    private const string Tag = "Workflows";

    private static readonly ParameterNote Version = new("version", "string", "A version; the newest when absent.");

    public static void MapWorkflows(this IEndpointRouteBuilder api, WorkflowEndpoints workflows, ExecuteEndpoint execute, RunEndpoints runs)
    {
        api.MapPost("/workflows", workflows.SaveAsync)
            .Audits("workflow.save", "workflow")
            .Says("saveWorkflow", Tag, "Store a workflow version", "The same content under the same version changes nothing; other content is refused. Warnings of the loader are in `diagnostics`, errors in the problem's `errors`.")
            .Needs(Permission.WorkflowsWrite)
            .Takes(new ParameterNote("dry_run", "boolean", "Only check the file; nothing is stored.") { Default = "false" })
            .TakesBody<WorkflowUploadBody>(true, "application/yaml", "text/yaml", "text/plain")
            .Gives<WorkflowView>(201, "Stored as a new version; `Location` names it.")
            .Gives<WorkflowView>(200, "Stored before with the same content, or a dry run.")
            .Fails(ErrorCode.WorkflowVersionExists, ErrorCode.QuotaExceeded, ErrorCode.WorkflowInvalid, ErrorCode.ValidationFailed, ErrorCode.JsonInvalid, ErrorCode.TextInvalid, ErrorCode.PayloadTooLarge, ErrorCode.UnsupportedMediaType);
        api.MapGet("/workflows", workflows.ListAsync)
            .AuditsRead("workflow.read", "workflow")
            .Says("listWorkflows", Tag, "List the newest version of each workflow")
            .Needs(Permission.WorkflowsRead)
            .Takes(ParameterNote.Size, ParameterNote.Cursor, new ParameterNote("filter[planner]", "string", "Only workflows of this planner."), Sort("name", "-name"))
            .Gives<PageView<WorkflowView>>(200, "Workflows by name.").Gives(304, "Unchanged since the ETag in `If-None-Match`.")
            .Fails();
        api.MapGet("/workflows/{id}", workflows.GetAsync)
            .AuditsRead("workflow.read", "workflow")
            .Says("getWorkflow", Tag, "Read a workflow version")
            .Needs(Permission.WorkflowsRead)
            .Takes(Version)
            .Gives<WorkflowView>(200, "The version.").Gives(304, "Unchanged since the ETag in `If-None-Match`.")
            .Fails(ErrorCode.WorkflowNotFound);
        api.MapGet("/workflows/{id}/versions", workflows.VersionsAsync)
            .AuditsRead("workflow.read", "workflow")
            .Says("listWorkflowVersions", Tag, "List the versions of a workflow")
            .Needs(Permission.WorkflowsRead)
            .Takes(ParameterNote.Size, ParameterNote.Cursor, Sort("-version"))
            .Gives<PageView<WorkflowView>>(200, "Versions, newest first.").Gives(304, "Unchanged since the ETag in `If-None-Match`.")
            .Fails(ErrorCode.WorkflowNotFound);
        api.MapGet("/workflows/{id}/source", workflows.SourceAsync)
            .AuditsRead("workflow.read", "workflow")
            .Says("getWorkflowSource", Tag, "Read a workflow version's YAML as it was sent")
            .Needs(Permission.WorkflowsRead)
            .Takes(Version)
            .Gives(200, "The file.", "application/yaml").Gives(304, "Unchanged since the ETag in `If-None-Match`.")
            .Fails(ErrorCode.WorkflowNotFound);
        api.MapPost("/workflows/{id}/execute", execute.HandleAsync)
            .Audits("workflow.execute", "workflow")
            .Says("executeWorkflow", Tag, "Run a workflow", "Once a run's id is answered, the run is on disk and ends exactly once, whatever becomes of the connection. A run that failed is an answer with status 200 whose `status` says so.")
            .Needs(Permission.WorkflowsExecute)
            .Takes(
                new ParameterNote("async", "boolean", "Answer as soon as the run is on disk.") { Default = "false" },
                new ParameterNote("timeout", "string", "Longest wait for the run's end, such as `500ms`, `30s` or `5m`; after it the answer is 202. At most 60m; without it the wait has no limit."),
                new ParameterNote(IdempotencyKeys.Header, "string", "The same key with the same request is the same run; the answer then has `Idempotency-Replayed: true`.", "header"))
            .TakesBody<ExecuteBody>(false)
            .Gives<RunView>(200, "The run has ended.")
            .Gives<JobView>(202, "The run is on disk and has not ended yet; `Location` names it. With `AgentFlow-Preflight: awaiting_approval; …` it begins once somebody has approved what it is expected to cost.")
            .Fails(ErrorCode.WorkflowNotFound, ErrorCode.PreflightOverBudget, ErrorCode.RunsNotAccepted, ErrorCode.QuotaExceeded, ErrorCode.RunQuotaExceeded, ErrorCode.InputInvalid, ErrorCode.IdempotencyKeyReused, ErrorCode.RateLimited, ErrorCode.SchemaInvalid, ErrorCode.ValidationFailed, ErrorCode.JsonInvalid, ErrorCode.PayloadTooLarge, ErrorCode.UnsupportedMediaType);
        api.MapGet("/workflows/{id}/plans/{plan}", runs.PlanOfWorkflowAsync)
            .AuditsRead("run.read", "workflow")
            .Says("getWorkflowPlan", Tag, "Read the plan of a run, by its workflow", "A plan's id is its run's id.")
            .Needs(Permission.RunsRead)
            .Gives<PlanView>(200, "The plan and how far it has come.").Gives(304, "Unchanged since the ETag in `If-None-Match`.")
            .Fails(ErrorCode.RunNotFound, ErrorCode.RunDiverged);
    }

    private static ParameterNote Sort(params string[] words) => new("sort", "string", "The order.") { Words = words, Default = words[0] };
}

/// <summary>A workflow file with the files that it refers to.</summary>
internal sealed record WorkflowUploadBody
{
    /// <summary>The text of the workflow file.</summary>
    public required string Yaml { get; init; }

    /// <summary>What diagnostics call the file.</summary>
    public string? Path { get; init; }

    /// <summary>Content in base64 by path relative to the workflow file, such as <c>data/articles.jsonl</c>.</summary>
    public IReadOnlyDictionary<string, string>? Assets { get; init; }
}

/// <summary>What to run.</summary>
internal sealed record ExecuteBody
{
    /// <summary>An object that fits the workflow's input schema; the empty one when absent.</summary>
    public JsonElement? Input { get; init; }

    /// <summary>A version; the newest when absent.</summary>
    public string? Version { get; init; }

    /// <summary>Answer as soon as the run is on disk.</summary>
    public bool? Async { get; init; }

    /// <summary>-10 to 10: a level counts like a minute of waiting when runs wait to be executed. By default what the workflow's policies say.</summary>
    public int? Priority { get; init; }

    /// <summary>The run's trace id; by default that of the request's <c>traceparent</c>, or a new one.</summary>
    public string? TraceId { get; init; }
}
