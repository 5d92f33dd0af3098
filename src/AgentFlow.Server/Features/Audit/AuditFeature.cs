using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Audit;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Features.Runs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Audit;

/// <summary>The addresses under <c>/audit</c>.</summary>
internal static class AuditFeature
{
    private const string Tag = "Audit";
    private const string Unchanged = "Unchanged since the ETag in `If-None-Match`.";

    public static void MapAudit(this IEndpointRouteBuilder api, AuditEndpoints audit)
    {
        api.MapGet("/audit", audit.ListAsync)
            .Says("listAudit", Tag, "Search the audit", "Commands appear when they are allowed, refused or denied; what runs do appears once it is on disk, a moment later.")
            .Needs(Permission.AuditRead)
            .Takes(
                ParameterNote.Size,
                ParameterNote.Cursor,
                new ParameterNote("sort", "string", "The order.") { Words = ["-number", "number"], Default = "-number" },
                new ParameterNote("filter[actor]", "string", "Only this actor."),
                new ParameterNote("filter[action]", "string", "Only this action, such as `run.cancel`."),
                new ParameterNote("filter[resource]", "string", "Only this resource, such as `run:ID`; with `*` at its end every resource that begins so."),
                new ParameterNote("filter[decision]", "string", "Only this decision.") { Words = AuditDecision.All },
                new ParameterNote("from", "string", "Not before this time (RFC 3339)."),
                new ParameterNote("to", "string", "Before this time (RFC 3339)."))
            .Gives<PageView<AuditRecordView>>(200, "Records.").Gives(304, Unchanged)
            .AuditsRead("audit.read", "audit").Fails();
        api.MapGet("/audit/checkpoints", audit.CheckpointsAsync)
            .Says("listAuditCheckpoints", Tag, "List the signed checkpoints, newest first")
            .Needs(Permission.AuditRead)
            .Takes(ParameterNote.Size, ParameterNote.Cursor, new ParameterNote("sort", "string", "The order.") { Words = ["-size"], Default = "-size" })
            .Gives<PageView<AuditCheckpointView>>(200, "Checkpoints.").Gives(304, Unchanged)
            .AuditsRead("audit.read", "audit").Fails();
        api.MapGet("/audit/export", audit.ExportAsync)
            .Says("exportAudit", Tag, "Export the audit", "One JSON object a line: each record as it is hashed, with its `number` and `hash`, and each checkpoint behind the record that it ends with. `af audit verify --file` checks it elsewhere.")
            .Needs(Permission.AuditRead)
            .Takes(new ParameterNote("from", "integer", "The first record.") { Least = 0, Default = "0" })
            .Gives(200, "Records and checkpoints.", AuditEndpoints.ExportType)
            .Audits("audit.export", "audit").Fails(ErrorCode.NotFound, ErrorCode.AuditUnavailable);
        api.MapPost("/audit/verify", audit.VerifyAsync)
            .Says("verifyAudit", Tag, "Verify the audit", "Chains what waits, then checks every record against its hash, its neighbours, the checkpoints and the witness. A chain that was tampered with is an answer with status 200 whose `intact` is false.")
            .Needs(Permission.AuditRead)
            .TakesBody<EmptyBody>(false)
            .Gives<AuditReportView>(200, "What was found.")
            .Audits("audit.verify", "audit").Fails(ErrorCode.NotFound, ErrorCode.AuditUnavailable);
    }
}
