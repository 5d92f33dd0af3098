using System.Globalization;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Json;
using AgentFlow.Contracts.Text;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Agents;

/// <summary>
/// What an outside RBAC engine decides about agents, kept in the audit: the agent is the actor, its role the resource, and the
/// operation the action.
/// </summary>
/// <param name="inspector"><see langword="null"/> when nothing is audited.</param>
internal sealed class EventEndpoints(IAgentStore agents, IAuditStore store, AuditInspector? inspector, AuditRecorder audit, AgentActivity activity, TimeProvider clock)
{
    public const int MaxEvents = 1000;
    private const int MaxText = 200;
    private const int MaxTargets = 100;
    private const int MaxTarget = 1000;
    private const int MaxData = 16 * 1024;
    private static readonly TimeSpan Ahead = TimeSpan.FromDays(1);

    public async Task IngestAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        Active();
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        List<JsonBody>? items = body.Objects("events", MaxEvents);
        var events = new List<HookEvent>();
        var known = new Dictionary<string, RegisteredAgent?>(StringComparer.Ordinal);
        foreach (JsonBody item in items ?? [body])
        {
            HookEvent read = Read(item);
            if (read.Agent.Length > 0 && !known.TryGetValue(read.Agent, out RegisteredAgent? agent))
            {
                agent = known[read.Agent] = await agents.FindAsync(tenant, read.Agent, cancellationToken).ConfigureAwait(false);
            }

            if (read.Role.Length == 0 && (read.Role = known.GetValueOrDefault(read.Agent)?.Role ?? "").Length == 0)
            {
                item.Fault("role", "'role' is missing, and the agent has none", $"Give one of {string.Join(", ", AgentRoles.All)}.");
            }

            events.Add(read);
            if (items is not null)
            {
                item.Close();
            }
        }

        body.End();
        string trace = TraceIds.Current(context);
        await Task.WhenAll(events.Select(e => audit.RecordAsync(e.ToNote(tenant, trace), cancellationToken))).ConfigureAwait(false);
        foreach (HookEvent e in events)
        {
            activity.Tell(tenant, AgentActivity.DecisionMade, e.Agent, e.Role, known.GetValueOrDefault(e.Agent)?.Category ?? "", e.ToView(), ServerJson.Default.HookEventView);
        }

        await Reply.JsonAsync(context, StatusCodes.Status201Created, new IngestedView(events.Count), ServerJson.Default.IngestedView).ConfigureAwait(false);
    }

    public async Task ListAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        AuditFilter filter = ReadFilter(query) with { Size = page.Size };
        query.Word("sort", "-number");
        query.End();
        if (page.Cursor is { } cursor)
        {
            filter = filter with
            {
                Cursor = long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out long last)
                    ? last
                    : throw ProblemException.Parameter("page[cursor]", "is no cursor of this list", "Pass the next_cursor of the page before."),
            };
        }

        await Active().CatchUpAsync(cancellationToken).ConfigureAwait(false);
        AuditPage found = await store.SearchAsync(tenant, filter, cancellationToken).ConfigureAwait(false);
        var view = new PageView<AgentAuditView>(
            [.. found.Records.Select(AgentAuditView.Of)], found.HasMore ? found.Records[^1].Number.ToString(CultureInfo.InvariantCulture) : null, found.Total);
        await Reply.TaggedJsonAsync(context, view, ServerJson.Default.PageViewAgentAuditView).ConfigureAwait(false);
    }

    public async Task StatsAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        AuditFilter filter = ReadFilter(query);
        query.End();
        await Active().CatchUpAsync(cancellationToken).ConfigureAwait(false);
        IReadOnlyList<AuditTally> tallies = await store.TallyAsync(tenant, filter, cancellationToken).ConfigureAwait(false);
        await Reply.TaggedJsonAsync(context, AgentAuditStatsView.Of(tallies), ServerJson.Default.AgentAuditStatsView).ConfigureAwait(false);
    }

    private static AuditFilter ReadFilter(in QueryReader query)
    {
        string? agent = query.Text("agent_id"), role = query.Text("role"), operation = query.Text("operation"), decision = query.Text("decision");
        if (decision is not null && !HookEvent.Decisions.Contains(decision))
        {
            throw ProblemException.Parameter("decision", "is no decision", $"Give one of {string.Join(", ", HookEvent.Decisions)}.");
        }

        if (role is not null && !AgentRoles.All.Contains(role))
        {
            throw ProblemException.Parameter("role", $"is no role{NearWord.Hint(role, AgentRoles.All)}", $"Give one of {string.Join(", ", AgentRoles.All)}.");
        }

        return new AuditFilter(
            agent is null ? null : HookEvent.ActorOf(agent), operation is null ? null : HookEvent.ActionOf(operation), HookEvent.ResourceOf(role ?? "*"), decision, query.Time("from"), query.Time("to"));
    }

    private HookEvent Read(JsonBody body)
    {
        string agent = Required(body, "agent_id");
        if (agent.Length > 0 && AgentName.Problem(agent) is not null)
        {
            body.Fault("agent_id", "'agent_id' is no id of an agent", "Ids have neither control characters nor '/'.");
        }

        string operation = Required(body, "operation");
        if (operation.Any(c => char.IsControl(c)))
        {
            body.Fault("operation", "'operation' holds control characters");
        }

        string decision = Required(body, "decision");
        if (decision.Length > 0 && !HookEvent.Decisions.Contains(decision))
        {
            body.Fault("decision", $"'{decision}' is no decision{NearWord.Hint(decision, HookEvent.Decisions)}", $"Give one of {string.Join(", ", HookEvent.Decisions)}.");
        }

        string role = body.Text("role", MaxText) ?? "";
        if (role.Length > 0 && !AgentRoles.All.Contains(role))
        {
            body.Fault("role", $"'{role}' is no role{NearWord.Hint(role, AgentRoles.All)}", $"Give one of {string.Join(", ", AgentRoles.All)}.");
        }

        long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        long at = body.Time("timestamp")?.ToUnixTimeMilliseconds() ?? now;
        if (at < 0 || at > now + (long)Ahead.TotalMilliseconds)
        {
            body.Fault("timestamp", at < 0 ? "'timestamp' is before 1970" : "'timestamp' is more than a day ahead", "Correct the clock of whoever decides.");
        }

        return new HookEvent(
            agent, operation, decision, at,
            body.TextList("targets", MaxTargets, t => t.Length is > 0 and <= MaxTarget ? null : $"a target has 1 to {MaxTarget} characters") ?? [],
            body.Text("reason", MaxTarget),
            body.RawObject("data", MaxData))
        {
            Role = role,
        };
    }

    private static string Required(JsonBody body, string name)
    {
        if (body.Text(name, MaxText) is { Length: > 0 } text)
        {
            return text;
        }

        body.Fault(name, $"'{name}' is missing");
        return "";
    }

    private AuditInspector Active() => inspector ?? throw new ProblemException(ErrorCode.NotFound, "Nothing is audited here: AF_AUDIT is off.");
}

/// <summary>One decision about an agent.</summary>
/// <param name="At">Unix milliseconds, as whoever decided says.</param>
/// <param name="Data">A JSON object.</param>
internal sealed record HookEvent(string Agent, string Operation, string Decision, long At, IReadOnlyList<string> Targets, string? Reason, ReadOnlyMemory<byte>? Data)
{
    // Nothing else in the audit begins so.
    private const string ActorPrefix = "agent:";
    private const string ActionPrefix = "hook.";
    private const string ResourcePrefix = "rbac:";

    public static IReadOnlyList<string> Decisions { get; } = [AuditDecision.Allowed, AuditDecision.Denied, AuditDecision.RequiresApproval];

    public string Role { get; set; } = "";

    public static string ActorOf(string agent) => ActorPrefix + agent;

    public static string ActionOf(string operation) => ActionPrefix + operation;

    /// <param name="role">A role, or <c>*</c> for any.</param>
    public static string ResourceOf(string role) => ResourcePrefix + role;

    public static string After(string text, char mark) => text[(text.IndexOf(mark, StringComparison.Ordinal) + 1)..];

    public AuditNote ToNote(string tenant, string trace) => new(
        tenant, At, ActorOf(Agent), ActionOf(Operation), ResourceOf(Role), Decision,
        new Payload(CanonicalJson.Canonicalize(JsonSerializer.SerializeToUtf8Bytes(new HookDetails(Targets, Reason, Data is { } data ? new RawJson(data) : null), ServerJson.Default.HookDetails))), trace);

    public HookEventView ToView() => new(Agent, Role, Operation, Decision, Targets, Reason, UnixTime.Of(At));
}

/// <summary>What the audit keeps of a decision beside who, what and how.</summary>
internal sealed record HookDetails(IReadOnlyList<string>? Targets, string? Reason, RawJson? Data);

/// <summary>One decision about an agent.</summary>
public sealed record HookEventView(string AgentId, string Role, string Operation, string Decision, IReadOnlyList<string> Targets, string? Reason, DateTimeOffset Timestamp);

/// <param name="Ingested">How many events the audit has taken.</param>
public sealed record IngestedView(int Ingested);

/// <summary>One decision about an agent, out of the audit.</summary>
/// <param name="Number">Its place in the tenant's chain.</param>
/// <param name="Decision"><c>allowed</c>, <c>denied</c> or <c>requires_approval</c>.</param>
/// <param name="Hash">Of the record in the chain.</param>
public sealed record AgentAuditView(
    long Number, string AgentId, string Role, string Operation, string Decision, IReadOnlyList<string> Targets, string? Reason, RawJson? Data, DateTimeOffset Timestamp, string TraceId, string Hash)
{
    internal static AgentAuditView Of(AuditRecord record)
    {
        HookDetails details = JsonSerializer.Deserialize(record.Note.Details.Utf8.Span, ServerJson.Default.HookDetails) ?? new HookDetails(null, null, null);
        return new AgentAuditView(
            record.Number,
            HookEvent.After(record.Note.Actor, ':'),
            HookEvent.After(record.Note.Resource, ':'),
            HookEvent.After(record.Note.Action, '.'),
            record.Note.Decision,
            details.Targets ?? [],
            details.Reason,
            details.Data,
            UnixTime.Of(record.Note.At),
            record.Note.Trace,
            record.Hash.ToString());
    }
}

/// <summary>Decisions about agents in numbers.</summary>
/// <param name="ByAgent">The hundred agents with most decisions; likewise operations.</param>
public sealed record AgentAuditStatsView(
    long Total, IReadOnlyDictionary<string, long> ByDecision, IReadOnlyDictionary<string, long> ByRole, IReadOnlyDictionary<string, long> ByOperation, IReadOnlyDictionary<string, long> ByAgent)
{
    private const int Shown = 100;

    internal static AgentAuditStatsView Of(IReadOnlyList<AuditTally> tallies)
    {
        Dictionary<string, long> By(Func<AuditTally, string> key) => tallies.GroupBy(key, StringComparer.Ordinal).Select(g => (g.Key, Count: g.Sum(t => t.Count)))
            .OrderByDescending(g => g.Count).ThenBy(g => g.Key, StringComparer.Ordinal).Take(Shown).ToDictionary(g => g.Key, g => g.Count, StringComparer.Ordinal);
        return new AgentAuditStatsView(
            tallies.Sum(t => t.Count), By(t => t.Decision), By(t => HookEvent.After(t.Resource, ':')), By(t => HookEvent.After(t.Action, '.')), By(t => HookEvent.After(t.Actor, ':')));
    }
}

/// <summary>What the API's description says of an event's body.</summary>
/// <param name="Role">By default the agent's.</param>
/// <param name="Operation">What the agent wanted to do.</param>
/// <param name="Decision"><c>allowed</c>, <c>denied</c> or <c>requires_approval</c>.</param>
/// <param name="Targets">What it wanted to do it to.</param>
/// <param name="Timestamp">By default now.</param>
/// <param name="Events">Instead of the other members: at most 1,000 events, all of which are taken or none.</param>
public sealed record EventBodyNote(
    string? AgentId, string? Role, string? Operation, string? Decision, IReadOnlyList<string>? Targets, DateTimeOffset? Timestamp, string? Reason, JsonElement? Data, IReadOnlyList<EventItemNote>? Events);

public sealed record EventItemNote(
    string AgentId, string Operation, string Decision, string? Role, IReadOnlyList<string>? Targets, DateTimeOffset? Timestamp, string? Reason, JsonElement? Data);
