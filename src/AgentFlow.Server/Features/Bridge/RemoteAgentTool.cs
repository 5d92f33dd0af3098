using System.Globalization;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Bridge;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Features.Bridge.Tokens;
using AgentFlow.Tools;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>
/// Gives a task to a remote agent, which answers later: the one way on which tasks leave. What it does again after a crash or a
/// failure has the same task id, so that an agent can tell a repetition from a new wish.
/// </summary>
internal sealed class RemoteAgentTool(
    BridgeSettings settings,
    AgentTokens tokens,
    AgentChoice choice,
    AgentPacing pacing,
    IAgentStore agents,
    IBridgeTaskStore tasks,
    WebCall web,
    ReplyAddress address,
    TimeProvider clock) : ITool
{
    public const string Id = "agent.dispatch";

    // The bridge ends a last try itself and tells the run; the run's own limit only holds where that was prevented.
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(1);

    /// <summary>Agents come and go: what nobody takes now is offered again for as long as the queue time allows.</summary>
    public static RetryPolicy Retry { get; } = new() { MaxAttempts = 1000, Initial = TimeSpan.FromMilliseconds(500), Max = TimeSpan.FromSeconds(30), Jitter = 0.2 };

    public ToolContract Contract { get; } = ContractOf(settings);

    public RetryPolicy? DefaultRetry => Retry;

    public static ToolContract ContractOf(BridgeSettings settings) => new()
    {
        Id = Id,
        Version = "1.1.0",
        Description = "Gives a task to a remote agent and waits for its callback. The action is the capability that the agent must have.",
        InputSchema = TaskWish.Schema,
        Timeout = settings.TaskTimeout,
        // The task's id comes from the step's key: agents know a task that they get again.
        Idempotency = Idempotency.Key,
        ErrorCodes = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [ErrorCode.AgentUnavailable.Code] = "No agent takes it now.",
            [ErrorCode.TaskTimedOut.Code] = "No agent answered in time.",
            [ErrorCode.TaskFailed.Code] = "The agent could not do it; agents also give codes of their own.",
        },
    };

    /// <summary>The tool for a registry: what it sends goes where agents have registered, whatever hosts tools may reach.</summary>
    public ToolDefinition Define() => new(Contract, _ => this);

    private long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    public async ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken)
    {
        if (call.Address is not { } step || !Ulid.TryParse(call.RunId, out Ulid run))
        {
            return StepOutcome.Failure(ErrorCode.TaskFailed.Code, ErrorCategory.Permanent, $"{Id} answers later, and only a run can wait for it.");
        }

        TaskWish wish = TaskWish.Read(call.Input);
        if (!settings.IsOn)
        {
            return StepOutcome.Failure(ErrorCode.AuthError.Code, ErrorCategory.Permanent, AgentTokens.NoSecret);
        }

        if (call.Tenant != settings.Tenant)
        {
            return StepOutcome.Failure(ErrorCode.AgentNotFound.Code, ErrorCategory.Permanent, $"No remote agent has the capability '{wish.Action}'.");
        }

        var wanted = new BridgeTask(wish.Id ?? TaskWish.IdOf(call.IdempotencyKey), run, wish.Action, wish.Payload)
        {
            Tenant = call.Tenant,
            Agent = wish.Agent ?? "",
            RequestedBy = wish.RequestedBy ?? $"run:{call.RunId}",
            TraceId = wish.TraceId ?? Text(TaskWish.IdOf("trace/" + call.RunId)),
            Resources = wish.Resources,
            ReplayOf = wish.ReplayOf,
            CreatedAt = Now,
        };
        BridgeTask task = await tasks.AddAsync(call.Tenant, wanted, cancellationToken).ConfigureAwait(false);
        if (task.HasEnded)
        {
            return TaskOutcome.Of(task);
        }

        if (task is { Tries: > 0, Status: >= BridgeTaskStatus.Accepted } && task.Due > Now)
        {
            // It arrived before a crash here, and the agent is at it.
            return Later(task.Due, task.IsLastTry);
        }

        TimeSpan timeout = wish.Resources.TimeoutMs is { } milliseconds ? TimeSpan.FromMilliseconds(milliseconds) : call.Deadline - clock.GetUtcNow();
        return await TryAsync(task, wish, step, timeout, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<StepOutcome> TryAsync(BridgeTask task, TaskWish wish, StepAddress step, TimeSpan timeout, CancellationToken cancellationToken)
    {
        int allowed = 1 + (wish.Resources.Retry ?? settings.Retry);
        // A try that a crash here has interrupted is made again; one that ran out of time was one.
        bool again = task.Tries > 0 && task.Due > Now;
        int number = again ? task.Tries : task.Tries + 1;
        if (task.Tries > 0 && task.Due > 0 && !again)
        {
            await agents.ReportDispatchAsync(task.Tenant, task.Agent, false, cancellationToken).ConfigureAwait(false);
        }

        if (number > allowed)
        {
            return await EndAsync(task, BridgeTaskStatus.TimedOut, ErrorCode.TaskTimedOut.Code, TimedOut(task), cancellationToken).ConfigureAwait(false);
        }

        if (Now - task.CreatedAt > settings.QueueTime.TotalMilliseconds + (task.Tries * timeout.TotalMilliseconds))
        {
            return await EndAsync(task, BridgeTaskStatus.Dead, ErrorCode.AgentUnavailable.Code, $"No agent took the task within {settings.QueueTime.TotalSeconds:0.#} s.", cancellationToken).ConfigureAwait(false);
        }

        if (address.Value is null)
        {
            return address.IsPending
                ? Unavailable("the server has not begun to listen yet", TimeSpan.FromSeconds(1))
                : await EndAsync(task, BridgeTaskStatus.Dead, ErrorCode.AgentUnavailable.Code, "Agents cannot reach this server to answer: set COMMAND_CENTER_URL.", cancellationToken).ConfigureAwait(false);
        }

        string? held = task.Tries > 0 ? task.Agent : null;
        (RegisteredAgent? agent, TimeSpan wait, string why) = await choice.TakeAsync(task.Tenant, task.Action, wish.Agent, held, cancellationToken).ConfigureAwait(false);
        if (agent is null)
        {
            return Unavailable(why, wait);
        }

        long now = Now;
        bool isLast = number == allowed;
        var begun = new BridgeTry(agent.Id, step, number, now, now + (long)timeout.TotalMilliseconds, isLast);
        if (!await tasks.BeginTryAsync(task.Tenant, task.Id, begun, cancellationToken).ConfigureAwait(false))
        {
            return TaskOutcome.Of((await tasks.FindAsync(task.Tenant, task.Id, cancellationToken).ConfigureAwait(false))!);
        }

        return await SendAsync(task with { Agent = agent.Id, Tries = number, IsLastTry = isLast }, agent, begun, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<StepOutcome> SendAsync(BridgeTask task, RegisteredAgent agent, BridgeTry begun, CancellationToken cancellationToken)
    {
        string token = tokens.Write(agent.Id, task.Id, task.TraceId);
        (WebAnswer? answer, StepError? error) = await web.SendAsync(
            AgentAddress.Under(new Uri(agent.BaseUrl!), "/agent/task"),
            Body(task, address.Value!),
            [("Authorization", $"Bearer {token}"), ("X-Agent-Id", settings.Issuer), ("X-Trace-Id", task.TraceId)],
            cancellationToken).ConfigureAwait(false);
        // 409: it has the task already, from a try whose answer was lost.
        if (answer is { Status: (>= 200 and < 300) or 409 })
        {
            await agents.ReportDispatchAsync(task.Tenant, agent.Id, true, cancellationToken).ConfigureAwait(false);
            return Later(begun.Due, begun.IsLast);
        }

        if (answer is { Status: 429 })
        {
            pacing.Hold(agent.Id, answer.RetryAfter);
            await NoteAsync(task, $"{agent.Id} answered 429: too many tasks", begun.Number - 1, cancellationToken).ConfigureAwait(false);
            return Unavailable($"{agent.Id} takes no more tasks now", pacing.Wait(agent.Id));
        }

        await agents.ReportDispatchAsync(task.Tenant, agent.Id, false, cancellationToken).ConfigureAwait(false);
        string what = error?.Message ?? $"{agent.Id} answered {answer!.Status}{Excerpt(answer)}";
        if (answer is { Status: 503 } || (error is not null && WebCall.WasNotSent(error)))
        {
            // It did not get it: that is no try, and the queue time is the limit.
            await NoteAsync(task, what, begun.Number - 1, cancellationToken).ConfigureAwait(false);
            return Unavailable(what, answer?.RetryAfter ?? TimeSpan.Zero);
        }

        // What it does not understand once it will not understand again.
        bool isHopeless = answer is { Status: 400 or 413 or 415 or 422 };
        if (isHopeless || begun.IsLast)
        {
            return await EndAsync(task, BridgeTaskStatus.Dead, isHopeless ? ErrorCode.TaskFailed.Code : ErrorCode.AgentUnavailable.Code, what, cancellationToken).ConfigureAwait(false);
        }

        await NoteAsync(task, what, begun.Number, cancellationToken).ConfigureAwait(false);
        return StepOutcome.Failure(ErrorCode.AgentUnavailable.Code, ErrorCategory.Transient, what, answer?.RetryAfter);
    }

    /// <summary>Notes why a try is over before its time.</summary>
    /// <param name="tries">How many count.</param>
    private async ValueTask NoteAsync(BridgeTask task, string note, int tries, CancellationToken cancellationToken) =>
        await tasks.NoteAsync(task.Tenant, task.Id, new BridgeTaskStep(Now, task.Status, task.Agent, Cut(note)), tries, cancellationToken).ConfigureAwait(false);

    private async ValueTask<StepOutcome> EndAsync(BridgeTask task, BridgeTaskStatus status, string code, string message, CancellationToken cancellationToken)
    {
        await tasks.EndAsync(task.Tenant, task.Id, status, BridgeJson.Error(code, message), Cut(message), Now, cancellationToken).ConfigureAwait(false);
        // A callback may have been first.
        return TaskOutcome.Of((await tasks.FindAsync(task.Tenant, task.Id, cancellationToken).ConfigureAwait(false))!);
    }

    /// <summary>What a task that ran out of time ends with.</summary>
    public static string TimedOut(BridgeTask task) => string.Create(CultureInfo.InvariantCulture, $"{(task.Agent.Length == 0 ? "The agent" : task.Agent)} gave no final callback in time, in {Math.Max(1, task.Tries)} {(task.Tries > 1 ? "tries" : "try")}.");

    private static StepOutcome Unavailable(string why, TimeSpan wait) =>
        StepOutcome.Failure(ErrorCode.AgentUnavailable.Code, ErrorCategory.Transient, $"No agent takes the task: {why}.", wait > TimeSpan.Zero ? wait : null);

    private StepOutcome Later(long due, bool isLast)
    {
        TimeSpan left = TimeSpan.FromMilliseconds(Math.Max(1, due - Now));
        return StepOutcome.Later(isLast ? left + Grace : left);
    }

    /// <summary>Exactly what agents expect: they refuse what they do not know.</summary>
    private static ReadOnlyMemory<byte> Body(BridgeTask task, Uri own) => BridgeJson.Write(w =>
    {
        w.WriteString("task_id"u8, task.Id);
        w.WriteString("action"u8, task.Action);
        w.WritePropertyName("payload"u8);
        w.WriteRawValue(task.Payload.Span, skipInputValidation: true);
        w.WriteString("reply_to"u8, AgentAddress.Under(own, $"{BridgeErrors.Base}/tasks/{Text(task.Id)}/callback").AbsoluteUri);
        w.WriteString("trace_id"u8, task.TraceId);
        w.WriteString("requested_by"u8, task.RequestedBy);
        if (task.Resources != new BridgeResources())
        {
            TaskWish.WriteResources(w, task.Resources);
        }
    });

    private static string Excerpt(WebAnswer answer)
    {
        string text = System.Text.Encoding.UTF8.GetString(answer.Body.Span[..Math.Min(300, answer.Body.Length)]);
        return text.Length == 0 ? "" : ": " + string.Concat(text.Select(c => char.IsControl(c) || char.IsSurrogate(c) ? ' ' : c)).Trim();
    }

    private static string Cut(string text) => text.Length <= 500 ? text : text[..500] + "…";

    private static string Text(Guid id) => id.ToString("D", CultureInfo.InvariantCulture);
}
