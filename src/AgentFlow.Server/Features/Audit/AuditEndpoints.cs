using System.Globalization;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Audit;

/// <summary>Reading the audit and verifying it.</summary>
/// <param name="inspector"><see langword="null"/> when nothing is audited.</param>
internal sealed class AuditEndpoints(IAuditStore store, AuditInspector? inspector, AuditRecorder recorder)
{
    public const string ExportType = "application/jsonl";

    public async Task ListAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        bool ascending = query.Word("sort", "-number", "number") == "number";
        var filter = new AuditFilter(
            query.Text("filter[actor]"), query.Text("filter[action]"), query.Text("filter[resource]"), query.Text("filter[decision]"),
            query.Time("from"), query.Time("to"), Ascending: ascending, Size: page.Size);
        query.End();
        if (filter.Decision is { } decision && !AuditDecision.All.Contains(decision))
        {
            throw ProblemException.Parameter("filter[decision]", "is no decision", $"Give one of {string.Join(", ", AuditDecision.All)}.");
        }

        if (page.Cursor is { } cursor)
        {
            filter = filter with
            {
                Cursor = long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out long last)
                    ? last
                    : throw ProblemException.Parameter("page[cursor]", "is no cursor of this list", "Pass the next_cursor of the page before."),
            };
        }

        AuditPage found = await store.SearchAsync(tenant, filter, cancellationToken).ConfigureAwait(false);
        var view = new PageView<AuditRecordView>(
            [.. found.Records.Select(AuditRecordView.Of)], found.HasMore ? found.Records[^1].Number.ToString(CultureInfo.InvariantCulture) : null, found.Total);
        await Reply.TaggedJsonAsync(context, view, ServerJson.Default.PageViewAuditRecordView).ConfigureAwait(false);
    }

    public async Task CheckpointsAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        query.Word("sort", "-size");
        query.End();
        AuditCheckpoint[] newest = [.. (await store.CheckpointsAsync(tenant, cancellationToken).ConfigureAwait(false)).OrderByDescending(Key, StringComparer.Ordinal)];
        await Reply.TaggedJsonAsync(context, PageView<AuditCheckpointView>.Of(newest, page, descending: true, Key, AuditCheckpointView.Of), ServerJson.Default.PageViewAuditCheckpointView).ConfigureAwait(false);

        static string Key(AuditCheckpoint c) => string.Create(CultureInfo.InvariantCulture, $"{c.Size:D19}-{(int)c.Kind}");
    }

    public async Task VerifyAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        (await JsonBody.ReadAsync(context).ConfigureAwait(false)).End();
        AuditInspector active = Active();
        await recorder.AllowAsync(context, tenant, "audit.verify", "audit").ConfigureAwait(false);
        AuditReport report = await active.VerifyAsync(tenant, cancellationToken).ConfigureAwait(false);
        await Reply.JsonAsync(context, StatusCodes.Status200OK, AuditReportView.Of(report, active.Keys), ServerJson.Default.AuditReportView).ConfigureAwait(false);
    }

    public async Task ExportAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        long from = query.Number("from", 0, 0, long.MaxValue);
        query.End();
        AuditInspector active = Active();
        await recorder.AllowAsync(context, tenant, "audit.export", "audit", d => d.Text("from"u8, from.ToString(CultureInfo.InvariantCulture))).ConfigureAwait(false);
        context.Response.ContentType = ExportType;
        await foreach (ReadOnlyMemory<byte> line in active.ExportAsync(tenant, from, cancellationToken).ConfigureAwait(false))
        {
            await context.Response.BodyWriter.WriteAsync(line, cancellationToken).ConfigureAwait(false);
            await context.Response.BodyWriter.WriteAsync("\n"u8.ToArray(), cancellationToken).ConfigureAwait(false);
        }
    }

    private AuditInspector Active() => inspector ?? throw new ProblemException(ErrorCode.NotFound, "Nothing is audited here: AF_AUDIT is off.");
}
