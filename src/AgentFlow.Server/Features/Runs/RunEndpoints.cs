using System.Buffers;
using System.Globalization;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Runs;

/// <summary>What can be read of runs.</summary>
internal sealed class RunEndpoints(RunReader reader)
{
    private const int DefaultEvents = 100;
    private const int MaxEvents = 1000;

    // Values may be large: a page of events ends here even when more were asked for.
    private const int MaxEventBytes = 4 * 1024 * 1024;

    public async Task ListAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        string? workflow = query.Text("filter[workflow]");
        string? word = query.Text("filter[status]");
        string? parent = query.Text("filter[parent]");
        query.Word("sort", "-created_at");
        query.End();
        Ulid? of = null;
        if (parent is not null)
        {
            of = Ulid.TryParse(parent, out Ulid id) ? id : throw ProblemException.Parameter("filter[parent]", $"is '{parent}'", "Give the id of a run.");
        }

        RunStatus? status = null;
        if (word is not null)
        {
            status = RunLifecycle.TryParse(word, out RunStatus parsed)
                ? parsed
                : throw ProblemException.Parameter("filter[status]", $"is '{word}'", $"Give one of {string.Join(", ", Enum.GetValues<RunStatus>().Select(s => s.Word()))}.");
        }

        Ulid? before = null;
        if (page.Cursor is { } cursor)
        {
            before = Ulid.TryParse(cursor, out Ulid last) ? last : throw ProblemException.Parameter("page[cursor]", "is no cursor of this list", "Pass the next_cursor of the page before.");
        }

        RunPage runs = await reader.Store.ListAsync(tenant, new RunFilter(workflow, status, before, page.Size, of), cancellationToken).ConfigureAwait(false);
        var view = new PageView<RunView>([.. runs.Rows.Select(RunView.Of)], runs.HasMore ? runs.Rows[^1].Run.ToString() : null, runs.Total);
        await Reply.TaggedJsonAsync(context, view, ServerJson.Default.PageViewRunView).ConfigureAwait(false);
    }

    public async Task GetAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        (string tenant, RunRow row) = await reader.LocateAsync(context, id, cancellationToken).ConfigureAwait(false);
        RunView view = await reader.ViewAsync(tenant, row, cancellationToken).ConfigureAwait(false);
        await Reply.TaggedJsonAsync(context, view, ServerJson.Default.RunView).ConfigureAwait(false);
    }

    public Task PlanAsync(HttpContext context, string id, CancellationToken cancellationToken) => PlanAsync(context, id, null, cancellationToken);

    // No documentation comment: the OpenAPI generator would prefer it to the summary at the mapping.
    public Task PlanOfWorkflowAsync(HttpContext context, string id, string plan, CancellationToken cancellationToken) => PlanAsync(context, plan, id, cancellationToken);

    public async Task SagaAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        (string tenant, RunRow row) = await reader.LocateAsync(context, id, cancellationToken).ConfigureAwait(false);
        RunFold fold = await reader.FoldAsync(tenant, row, cancellationToken).ConfigureAwait(false);
        await Reply.TaggedJsonAsync(context, SagaView.Of(row, fold), ServerJson.Default.SagaView).ConfigureAwait(false);
    }

    public async Task ExplainAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        (string tenant, RunRow row) = await reader.LocateAsync(context, id, cancellationToken).ConfigureAwait(false);
        WorkflowDefinition definition = await reader.DefinitionAsync(tenant, row, cancellationToken).ConfigureAwait(false)
            ?? throw new ProblemException(ErrorCode.RunDiverged, $"Workflow {row.Workflow} {row.Version} does not compile in this build any more; the run cannot be explained.");
        IReadOnlyList<StoredFrame> frames = await reader.StoredFramesAsync(tenant, row.Run, cancellationToken).ConfigureAwait(false);
        await Reply.TaggedJsonAsync(context, ExplanationView.Of(tenant, row, definition, frames, reader.Blobs(tenant)), ServerJson.Default.ExplanationView).ConfigureAwait(false);
    }

    public async Task EventsAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        var query = new QueryReader(context);
        long from = query.Number("from", 0, 0, long.MaxValue);
        int limit = (int)query.Number("limit", DefaultEvents, 1, MaxEvents);
        query.End();
        (string tenant, RunRow row) = await reader.LocateAsync(context, id, cancellationToken).ConfigureAwait(false);
        WorkflowDefinition? definition = await reader.DefinitionAsync(tenant, row, cancellationToken).ConfigureAwait(false);
        var buffer = new ArrayBufferWriter<byte>(4096);
        await WriteEventsAsync(buffer, tenant, row.Run, new Visits(definition), from, limit, cancellationToken).ConfigureAwait(false);
        await Reply.TaggedAsync(context, MediaTypes.ForJson(context), buffer.WrittenSpan).ConfigureAwait(false);
    }

    private async Task PlanAsync(HttpContext context, string run, string? workflow, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        (string tenant, RunRow row) = await reader.LocateAsync(context, run, cancellationToken).ConfigureAwait(false);
        if (workflow is not null && row.Workflow != workflow)
        {
            throw RunReader.NotFound();
        }

        RunFold fold = await reader.FoldAsync(tenant, row, cancellationToken).ConfigureAwait(false);
        WorkflowDefinition definition = fold.Visits.Definition
            ?? throw new ProblemException(ErrorCode.RunDiverged, $"Workflow {row.Workflow} {row.Version} does not compile in this build any more; its plan cannot be shown.");
        await Reply.TaggedJsonAsync(context, PlanView.Of(row, definition, fold), ServerJson.Default.PlanView).ConfigureAwait(false);
    }

    private async Task WriteEventsAsync(ArrayBufferWriter<byte> buffer, string tenant, Ulid run, Visits visits, long from, int limit, CancellationToken cancellationToken)
    {
        // The names of nodes come from the events before; their values are not worth a read.
        await foreach ((long firstSeq, IReadOnlyList<JournalEvent> events) in reader.FramesAsync(tenant, run, 0, static _ => Payload.Null, cancellationToken).ConfigureAwait(false))
        {
            if (firstSeq + events.Count > from)
            {
                break;
            }

            foreach (JournalEvent journalEvent in events)
            {
                visits.Apply(journalEvent);
            }
        }

        await using var writer = new Utf8JsonWriter(buffer, Reply.WriterOptions);
        writer.WriteStartObject();
        writer.WriteStartArray("items"u8);
        long end = from > long.MaxValue - limit ? long.MaxValue : from + limit;
        bool more = false;
        await foreach ((long firstSeq, IReadOnlyList<JournalEvent> events) in reader.FramesAsync(tenant, run, visits.NextSeq, reader.Blobs(tenant), cancellationToken).ConfigureAwait(false))
        {
            for (int i = 0; i < events.Count && !more; i++)
            {
                long seq = firstSeq + i;
                visits.Apply(events[i]);
                if (seq >= end || writer.BytesCommitted + writer.BytesPending > MaxEventBytes)
                {
                    (more, end) = (true, seq);
                }
                else if (seq >= from)
                {
                    EventJson.Write(writer, seq, events[i], visits);
                }
            }

            if (more)
            {
                break;
            }
        }

        writer.WriteEndArray();
        writer.WriteString("next_cursor"u8, more ? end.ToString(CultureInfo.InvariantCulture) : null);
        writer.WriteEndObject();
    }
}
