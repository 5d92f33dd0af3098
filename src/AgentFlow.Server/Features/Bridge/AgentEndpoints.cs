using System.Globalization;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Bridge;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Secrets;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Features.Access.Quotas;
using AgentFlow.Server.Features.Bridge.Tokens;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>What remote agents send: that they are there, how they are, what becomes of their tasks, and what happens at their place.</summary>
internal sealed class AgentEndpoints(
    BridgeSettings settings,
    AgentTokens tokens,
    AgentRules rules,
    IAgentStore agents,
    IBridgeTaskStore tasks,
    IBridgeEventStore events,
    TaskCourier courier,
    EventSignal signal,
    AuditRecorder audit,
    SecretMask mask,
    BridgeActivity activity,
    TimeProvider clock,
    TenantQuotas quotas)
{
    private const int MaxName = 200;
    private const int MaxCapabilities = 256;
    private const int MaxCapability = 200;
    private const int MaxText = 200;
    private static readonly ReadOnlyMemory<byte> NoReason = BridgeJson.Error(ErrorCode.TaskFailed.Code, "The agent gave no reason.");

    private const string AgentHeader = "X-Agent-Id";

    private long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    public async Task RegisterAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string bearer = tokens.Bearer(context);
        using AgentBody body = await AgentBody.ReadAsync(context).ConfigureAwait(false);
        string agent = Known(context, bearer, body);
        string named = AgentOf(body, agent);
        string name = body.Needed("name", MaxName);
        string url = rules.Address(agent, body.Needed("base_url", int.MaxValue));
        IReadOnlyList<string> capabilities = body.Texts("capabilities", MaxCapabilities, MaxCapability) ?? throw AgentBody.Missing("capabilities");
        long now = Now;
        RegisteredAgent? before = await agents.FindAsync(settings.Tenant, agent, cancellationToken).ConfigureAwait(false);
        if (before is null)
        {
            await quotas.RequireAgentAsync(settings.Tenant, agents, cancellationToken).ConfigureAwait(false);
        }

        if (before is null || before.Name != name || before.BaseUrl != url || !before.Capabilities.SequenceEqual(capabilities))
        {
            await audit.AllowAsync(context, settings.Tenant, "agent.register", $"agent:{named}", d => d.Text("base_url"u8, url).Text("capabilities"u8, string.Join(' ', capabilities)).Text("name"u8, name)).ConfigureAwait(false);
        }

        var registered = new RegisteredAgent(agent, name, AgentKinds.Remote)
        {
            Status = AgentStatus.Online,
            BaseUrl = url,
            LastSeen = now,
            Capabilities = capabilities,
            CreatedAt = now,
            UpdatedAt = now,
        };
        if (await agents.UpsertRemoteAsync(settings.Tenant, registered, cancellationToken).ConfigureAwait(false) == AgentWrite.IdTaken)
        {
            throw new ProblemException(ErrorCode.AgentNotAllowed, $"'{agent}' is the id of an agent that is not remote. Register under another id.");
        }

        activity.Registered(settings.Tenant, registered);
        await AnswerAsync(context, w =>
        {
            w.WriteString("agent_id"u8, agent);
            w.WriteString("message"u8, "Agent registered successfully");
        }).ConfigureAwait(false);
    }

    public async Task HeartbeatAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string bearer = tokens.Bearer(context);
        using AgentBody body = await AgentBody.ReadAsync(context).ConfigureAwait(false);
        string agent = Known(context, bearer, body);
        if (body.Text("agent_id", AgentId.MaxLength) is null or "")
        {
            throw new ProblemException(ErrorCode.MissingAgentId, "agent_id is required");
        }

        AgentOf(body, agent);
        var heartbeat = new AgentHeartbeat(
            Now,
            body.Word("status", AgentStatus.Online, AgentStatus.Degraded, AgentStatus.Offline),
            body.Text("name", MaxName) is { Length: > 0 } name ? name : null,
            body.Text("base_url", int.MaxValue) is { Length: > 0 } url ? rules.Address(agent, url) : null,
            body.Texts("capabilities", MaxCapabilities, MaxCapability));
        if (!await agents.HeartbeatAsync(settings.Tenant, agent, heartbeat, cancellationToken).ConfigureAwait(false))
        {
            throw new ProblemException(ErrorCode.AgentNotFound, $"'{agent}' is not registered: send POST /orchestrator/register first.");
        }

        await AnswerAsync(context, w =>
        {
            w.WriteString("message"u8, "Heartbeat received");
            w.WriteString("timestamp"u8, UnixTime.Of(heartbeat.At).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
        }).ConfigureAwait(false);
    }

    public async Task CallbackAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        string bearer = tokens.Bearer(context);
        using AgentBody body = await AgentBody.ReadAsync(context).ConfigureAwait(false);
        string agent = Known(context, bearer, body);
        if (body.Needed("task_id", MaxText) != id)
        {
            throw AgentBody.Wrong("task_id", "is not the task of this address");
        }

        BridgeTaskStatus status = BridgeTaskStatusExtensions.Parse(body.Word("status", "accepted", "in_progress", "succeeded", "failed") ?? throw AgentBody.Missing("status"))!.Value;
        body.Text("trace_id", MaxText);
        (ReadOnlyMemory<byte> result, ReadOnlyMemory<byte> error) = OutcomeOf(body, status);
        var report = new BridgeReport(agent, status, Masked(result), Masked(error), Now);
        ReportOutcome outcome = Guid.TryParseExact(id, "D", out Guid task)
            ? await tasks.ReportAsync(settings.Tenant, task, report, cancellationToken).ConfigureAwait(false)
            : ReportOutcome.Missing;
        switch (outcome)
        {
            case ReportOutcome.Missing:
                throw new ProblemException(ErrorCode.TaskNotFound, $"There is no task '{(id.Length <= 60 ? id : id[..60] + "…")}'.");
            case ReportOutcome.NotTheirs:
                throw new ProblemException(ErrorCode.AgentMismatch, $"Task {id} is not with '{agent}'.");
            case ReportOutcome.Conflict:
                throw new ProblemException(ErrorCode.TaskAlreadyFinished, $"Task {id} has ended with something else. Nothing was changed.");
            case ReportOutcome.Moved when status.IsFinal():
                courier.Bring(settings.Tenant, task);
                break;
        }

        if (outcome == ReportOutcome.Moved)
        {
            activity.TaskMoved(settings.Tenant, agent, id, status);
        }

        await AnswerAsync(context, w =>
        {
            w.WriteString("task_id"u8, id);
            w.WriteString("message"u8, outcome == ReportOutcome.Moved ? "Result received" : "Known already");
        }).ConfigureAwait(false);
    }

    public async Task EventAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string bearer = tokens.Bearer(context);
        using AgentBody body = await AgentBody.ReadAsync(context).ConfigureAwait(false);
        string agent = Known(context, bearer, body);
        ReadOnlyMemory<byte> data = body.Value("data");
        var happened = new BridgeEvent(
            body.Needed("event_id", MaxText),
            agent,
            body.Needed("type", MaxText),
            body.Needed("source", MaxText),
            data.IsEmpty ? "null"u8.ToArray() : mask.Json(data),
            body.Text("time", MaxText) ?? "",
            body.Text("trace_id", MaxText) ?? "",
            Now);
        if (await events.AddAsync(settings.Tenant, happened, cancellationToken).ConfigureAwait(false))
        {
            signal.Raise();
            activity.EventReceived(settings.Tenant, happened);
        }

        await AnswerAsync(context, w =>
        {
            w.WriteString("event_id"u8, happened.Id);
            w.WriteString("message"u8, "Event received");
        }).ConfigureAwait(false);
    }

    /// <summary>Who sends the request, proven and allowed; from then on the request is theirs.</summary>
    private string Known(HttpContext context, string bearer, AgentBody body)
    {
        string agent = tokens.Read(bearer, body.Json);
        context.Features.Set(new Caller(new Principal(PrincipalKind.Agent, agent, agent, settings.Tenant, [])));
        var header = context.Request.Headers[AgentHeader];
        if (header.Count > 1 || (header.Count == 1 && header[0] != agent))
        {
            throw new ProblemException(ErrorCode.AgentMismatch, $"{AgentHeader} names another agent than the token, which is of '{agent}'.");
        }

        rules.Admit(agent);
        return agent;
    }

    /// <summary>The agent that the body is about, which must be the one that sends it.</summary>
    private static string AgentOf(AgentBody body, string agent)
    {
        string named = body.Needed("agent_id", AgentId.MaxLength);
        return named == agent ? named : throw new ProblemException(ErrorCode.AgentMismatch, $"The token is of '{agent}', and the body of another agent.");
    }

    private static (ReadOnlyMemory<byte> Result, ReadOnlyMemory<byte> Error) OutcomeOf(AgentBody body, BridgeTaskStatus status)
    {
        ReadOnlyMemory<byte> result = body.Value("result");
        ReadOnlyMemory<byte> error = body.Value("error");
        if (!error.IsEmpty && !IsError(body.Json.GetProperty("error")))
        {
            throw AgentBody.Wrong("error", "must be an object with 'code' and 'message', both texts");
        }

        // What is not over has no outcome, whatever is sent with it.
        return status switch
        {
            BridgeTaskStatus.Succeeded => (result.IsEmpty ? "null"u8.ToArray() : result, default),
            BridgeTaskStatus.Failed => (result, error.IsEmpty ? NoReason : error),
            _ => default,
        };
    }

    private ReadOnlyMemory<byte> Masked(ReadOnlyMemory<byte> json) => json.IsEmpty ? json : mask.Json(json);

    private static bool IsError(JsonElement error) =>
        error.ValueKind == JsonValueKind.Object
        && error.TryGetProperty("code", out JsonElement code) && code.ValueKind == JsonValueKind.String
        && error.TryGetProperty("message", out JsonElement message) && message.ValueKind == JsonValueKind.String;

    private static Task AnswerAsync(HttpContext context, Action<Utf8JsonWriter> members)
    {
        ReadOnlyMemory<byte> answer = BridgeJson.Write(w =>
        {
            w.WriteBoolean("success"u8, true);
            members(w);
        });
        context.Response.StatusCode = StatusCodes.Status200OK;
        context.Response.ContentType = RequestBody.Json;
        context.Response.ContentLength = answer.Length;
        return context.Response.BodyWriter.WriteAsync(answer, context.RequestAborted).AsTask();
    }
}
