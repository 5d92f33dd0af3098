using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Approvals;
using AgentFlow.Engine.Costs;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.Secrets;
using AgentFlow.Server.Features.Access.Quotas;
using AgentFlow.Server.Features.Config;
using AgentFlow.Server.Features.Costs;
using AgentFlow.Server.Features.Runs;
using AgentFlow.Server.Http;
using Microsoft.Extensions.Hosting;

namespace AgentFlow.Server.Features.Workflows;

/// <summary>
/// <c>POST /workflows/{id}/execute</c>. Every answer with a run's id says that the run is on disk and will end exactly once,
/// whatever becomes of the caller, the connection or this process.
/// </summary>
internal sealed class ExecuteEndpoint(RunHost host, PublishedWorkflows workflows, RunReader reader, AuditRecorder audit, ConfigBook config, TenantQuotas quotas, CostKeeping costs, SecretMask mask, IHostApplicationLifetime lifetime)
{
    /// <summary>Tells whoever starts a run that it is expected to cost more than it may.</summary>
    private const string PreflightHeader = "AgentFlow-Preflight";

    private const int MaxVersion = 100;
    private const int MaxTraceId = 64;

    /// <summary>Longest wait that <c>timeout</c> may ask for.</summary>
    public static readonly TimeSpan MaxWait = TimeSpan.FromHours(1);

    public async Task HandleAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        (bool isAsync, TimeSpan? limit) = Query(context);
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        Payload input = body.Value("input") is { } value ? new Payload(value) : Payload.EmptyObject;
        string? version = body.Text("version", MaxVersion);
        isAsync |= body.Flag("async") ?? false;
        int? priority = Priority(body);
        string traceId = TraceId(body) ?? TraceIds.Current(context);
        body.End();
        string? key = IdempotencyKeys.Of(context);
        WorkflowDefinition definition = await FindAsync(tenant, id, version, cancellationToken).ConfigureAwait(false);
        Principal caller = Caller.Of(context);
        if (caller.StartProblem(definition.Name, definition.Policies.MaxBudgetNanoDollars) is { } problem)
        {
            throw new ProblemException(ErrorCode.PermissionDenied, problem);
        }

        InputCheck.Check(definition, input);
        TenantConfig settings = await config.OfAsync(tenant, cancellationToken).ConfigureAwait(false);
        if (settings.Switch("AF_ACCEPT_RUNS", definition.Name) is false)
        {
            throw new ProblemException(ErrorCode.RunsNotAccepted, "The setting accept_runs is off: no new run was started.");
        }

        ApprovalRequest? approval = await PreflightAsync(context, tenant, definition, input, cancellationToken).ConfigureAwait(false);
        // Nobody waits on a connection for somebody else to decide.
        isAsync |= approval is not null;
        limit ??= settings.Seconds("AF_EXECUTE_WAIT", definition.Name);

        await quotas.RequireStorageAsync(tenant, cancellationToken).ConfigureAwait(false);
        long? maxRuns = await quotas.MaxRunsAsync(tenant, cancellationToken).ConfigureAwait(false);
        string requestHash = key is null ? "" : RequestHash(id, version, input);
        var fold = isAsync ? null : new RunFold(definition);
        await audit.AllowAsync(context, tenant, "workflow.execute", $"workflow:{definition.Name}", d => d.Text("definition"u8, definition.Hash).Text("version"u8, definition.Version)).ConfigureAwait(false);
        // A secret that somebody sends back is not written down either.
        RunTicket ticket = host.Launch(new StartRequest(tenant, definition, new Payload(mask.Json(input.Utf8)), caller.Actor, traceId, key, requestHash) { Authority = caller.Authority(), Approval = approval, Priority = priority, MaxRuns = maxRuns, Observer = fold is null ? null : fold.Observe });
        RunEnd? end = isAsync ? null : await EndAsync(ticket, limit, cancellationToken).ConfigureAwait(false);
        StartOutcome start = await AcceptedAsync(ticket, cancellationToken).ConfigureAwait(false);
        if (!start.IsNew)
        {
            if (start.RequestHash != requestHash)
            {
                throw new ProblemException(ErrorCode.IdempotencyKeyReused, $"The {IdempotencyKeys.Header} was used for another request. Use a new key for a new run.");
            }

            context.Response.Headers[IdempotencyKeys.ReplayedHeader] = "true";
            await ReplayAsync(context, tenant, start, isAsync, limit, cancellationToken).ConfigureAwait(false);
            return;
        }

        if (end is null)
        {
            await AcceptedAsync(context, start.Run, traceId).ConfigureAwait(false);
            return;
        }

        // What a new run is needs no look at its row.
        var row = new RunRow(start.Run, definition.Name, definition.Version, definition.Hash, end.Status, end.Status == RunStatus.Diverged ? end.Error!.Message : "", end.CostNanoDollars, null);
        await (fold!.HasEnded
            ? Reply.JsonAsync(context, StatusCodes.Status200OK, fold.ToView(row, RawJson.Of(fold.Input), RawJson.Of(fold.Output)), ServerJson.Default.RunView)
            : AnswerAsync(context, tenant, row, cancellationToken)).ConfigureAwait(false);
    }

    private static (bool IsAsync, TimeSpan? Limit) Query(HttpContext context)
    {
        if (!context.Request.QueryString.HasValue)
        {
            return (false, null);
        }

        var query = new QueryReader(context);
        bool isAsync = query.Flag("async");
        TimeSpan? limit = query.Duration("timeout", MaxWait);
        query.End();
        return (isAsync, limit);
    }

    private static int? Priority(JsonBody body)
    {
        if (body.Number("priority") is not { } given)
        {
            return null;
        }

        if (given != decimal.Truncate(given) || given < RunPriority.Lowest || given > RunPriority.Highest)
        {
            body.Fault("priority", $"'priority' is {given.ToString(CultureInfo.InvariantCulture)}", $"Give a whole number from {RunPriority.Lowest} to {RunPriority.Highest}.");
            return null;
        }

        return (int)given;
    }

    private static string? TraceId(JsonBody body)
    {
        string? given = body.Text("trace_id", MaxTraceId);
        if (given is not null && (given.Length == 0 || !given.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or ':')))
        {
            body.Fault("trace_id", "'trace_id' has characters that no trace id has", "Use letters, digits, '-', '_', '.' and ':', or send a traceparent header instead.");
        }

        return given;
    }

    /// <summary>What an idempotency key stands for: the workflow, the version that was asked for, and the input as it was sent.</summary>
    private static string RequestHash(string workflow, string? version, Payload input)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{workflow}\n{version}\n"));
        hash.AppendData(input.Utf8.Span);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Holds what the run is expected to cost against its budget, where the workflow wants that.</summary>
    /// <returns>What somebody has to approve first, where the workflow wants them asked.</returns>
    /// <exception cref="ProblemException">It does not fit, and the workflow wants it refused.</exception>
    private async ValueTask<ApprovalRequest?> PreflightAsync(HttpContext context, string tenant, WorkflowDefinition definition, Payload input, CancellationToken cancellationToken)
    {
        if (definition.Policies is not { Preflight: { } preflight, MaxBudgetNanoDollars: { } budget })
        {
            return null;
        }

        CostEstimate estimate = await costs.EstimateAsync(tenant, definition, input, cancellationToken).ConfigureAwait(false);
        if (estimate.NanoDollars.P95 <= budget)
        {
            return null;
        }

        decimal p50 = EstimateView.InDollars(estimate.NanoDollars.P50);
        decimal p95 = EstimateView.InDollars(estimate.NanoDollars.P95);
        decimal most = budget / 1_000_000_000m;
        string expected = $"One run in twenty of {definition.Name} {definition.Version} is expected to cost more than ${Short(p95)}, half of them more than ${Short(p50)}; ${most.ToString("0.#########", CultureInfo.InvariantCulture)} are allowed.";
        if (preflight == Preflight.Refuse)
        {
            throw new ProblemException(ErrorCode.PreflightOverBudget, $"{expected} Raise policies.max_budget, choose a cheaper model, or lower max_tokens.");
        }

        context.Response.Headers[PreflightHeader] = $"{(preflight == Preflight.Ask ? "awaiting_approval" : "over_budget")}; p50={Short(p50)}; p95={Short(p95)}";
        return definition.Policies.PreflightApproval?.ForRun(definition, new Payload(mask.Json(input.Utf8)), estimate, expected);

        static string Short(decimal dollars) => dollars.ToString("0.######", CultureInfo.InvariantCulture);
    }

    private async ValueTask<WorkflowDefinition> FindAsync(string tenant, string id, string? version, CancellationToken cancellationToken)
    {
        try
        {
            return await workflows.FindAsync(tenant, id, version, cancellationToken).ConfigureAwait(false) ?? throw WorkflowEndpoints.NotFound();
        }
        catch (RunUnreadableException e)
        {
            throw new ProblemException(ErrorCode.WorkflowInvalid, e.Message);
        }
    }

    private static async Task<StartOutcome> AcceptedAsync(RunTicket ticket, CancellationToken cancellationToken)
    {
        try
        {
            return await ticket.Accepted.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (RunQuotaException e)
        {
            throw new ProblemException(ErrorCode.RunQuotaExceeded, $"{e.Most} runs of this tenant may be going at once, and are. No run was started; send it again when one has ended.");
        }
    }

    /// <summary>
    /// The run's end; <see langword="null"/> when the wait is over before it, because of its limit or because the server stops,
    /// and when there is no new run to wait for.
    /// </summary>
    private async ValueTask<RunEnd?> EndAsync(RunTicket ticket, TimeSpan? limit, CancellationToken cancellationToken)
    {
        using CancellationTokenSource over = Limit(limit, cancellationToken);
        try
        {
            return await ticket.Ended.WaitAsync(over.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    private CancellationTokenSource Limit(TimeSpan? limit, CancellationToken cancellationToken)
    {
        var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.ApplicationStopping);
        if (limit is { } most)
        {
            over.CancelAfter(most);
        }

        return over;
    }

    /// <summary>Answers for the run that an earlier request with the same key has started.</summary>
    private async Task ReplayAsync(HttpContext context, string tenant, StartOutcome start, bool isAsync, TimeSpan? limit, CancellationToken cancellationToken)
    {
        bool ended = false;
        if (!isAsync)
        {
            using CancellationTokenSource over = Limit(limit, cancellationToken);
            try
            {
                ended = await host.WaitAsync(tenant, start.Run, over.Token).ConfigureAwait(false) is not null;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // The wait is over before the run.
            }
        }

        RunRow row = await reader.FindAsync(tenant, start.Run.ToString(), cancellationToken).ConfigureAwait(false);
        if (ended)
        {
            await AnswerAsync(context, tenant, row, cancellationToken).ConfigureAwait(false);
            return;
        }

        RunView view = await reader.ViewAsync(tenant, row, cancellationToken).ConfigureAwait(false);
        await AcceptedAsync(context, start.Run, view.TraceId!).ConfigureAwait(false);
    }

    private async Task AnswerAsync(HttpContext context, string tenant, RunRow row, CancellationToken cancellationToken)
    {
        RunView view = await reader.ViewAsync(tenant, row, cancellationToken).ConfigureAwait(false);
        await Reply.JsonAsync(context, StatusCodes.Status200OK, view, ServerJson.Default.RunView).ConfigureAwait(false);
    }

    private static Task AcceptedAsync(HttpContext context, Ulid id, string traceId)
    {
        string run = id.ToString();
        context.Response.Headers.Location = $"{AgentFlowApp.ApiBase}/runs/{run}";
        return Reply.JsonAsync(context, StatusCodes.Status202Accepted, new JobView(run, run, traceId), ServerJson.Default.JobView);
    }
}

/// <summary>A run was accepted and has not ended yet.</summary>
/// <param name="JobId">The run's id.</param>
/// <param name="RunId">The same.</param>
public sealed record JobView(string JobId, string RunId, string TraceId);
