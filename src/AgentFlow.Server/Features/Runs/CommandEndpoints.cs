using System.Globalization;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.Secrets;
using AgentFlow.Expressions.JsonSchema;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Runs;

/// <summary>What can be sent to runs. Each answer says that the thing is on disk and will be taken exactly once.</summary>
internal sealed class CommandEndpoints(RunHost host, RunReader reader, UlidFactory ids, AuditRecorder audit, SecretMask mask)
{
    private const int MaxName = 200;
    private const int MaxReason = 2000;

    // A second cancel says nothing new.
    private const string CancelOnce = "cancel";

    public async Task CancelAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        string reason = body.Text("reason", MaxReason) ?? "";
        body.End();
        await SendAsync(context, id, InboxKind.Cancel, CancelOnce, new InboxContent { By = Caller.ActorOf(context), Reason = mask.Text(reason) }, cancellationToken).ConfigureAwait(false);
    }

    public async Task SignalAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        string? name = body.Text("name", MaxName);
        ReadOnlyMemory<byte>? payload = body.Value("payload");
        string? given = body.Text("id", MaxName);
        if (string.IsNullOrEmpty(name))
        {
            body.Fault("name", "'name' is missing", "Name the signal that the workflow waits for.");
        }

        body.End();
        await CheckSignalAsync(context, id, name!, payload, cancellationToken).ConfigureAwait(false);
        var content = new InboxContent { Name = name!, By = Caller.ActorOf(context), Payload = payload is { } value ? new Payload(mask.Json(value)) : null };
        await SendAsync(context, id, InboxKind.Signal, given is null ? Once(context, "signal") : $"signal:{given}", content, cancellationToken).ConfigureAwait(false);
    }

    public async Task PauseAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        (await JsonBody.ReadAsync(context).ConfigureAwait(false)).End();
        await SendAsync(context, id, InboxKind.Pause, Once(context, "pause"), new InboxContent { By = Caller.ActorOf(context) }, cancellationToken).ConfigureAwait(false);
    }

    public async Task ResumeAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        (await JsonBody.ReadAsync(context).ConfigureAwait(false)).End();
        await SendAsync(context, id, InboxKind.Resume, Once(context, "resume"), new InboxContent { By = Caller.ActorOf(context) }, cancellationToken).ConfigureAwait(false);
    }

    public async Task MigrateAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        (await JsonBody.ReadAsync(context).ConfigureAwait(false)).End();
        await SendAsync(context, id, InboxKind.Migrate, Once(context, "migrate"), new InboxContent { By = Caller.ActorOf(context) }, cancellationToken).ConfigureAwait(false);
    }

    public async Task ResolveAsync(HttpContext context, string id, string step, CancellationToken cancellationToken)
    {
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        StepResolution? resolution = body.Text("resolution", MaxName) switch
        {
            "retry" => StepResolution.Retry,
            "succeed" => StepResolution.Succeed,
            "fail" => StepResolution.Fail,
            _ => null,
        };
        ReadOnlyMemory<byte>? output = body.Value("output");
        if (resolution is null)
        {
            body.Fault("resolution", "'resolution' must be retry, succeed or fail", "retry: it did not happen or may be repeated; succeed: it happened, with the given output; fail: it failed.");
        }
        else if (output is not null && resolution != StepResolution.Succeed)
        {
            body.Fault("output", "'output' goes with the resolution succeed only");
        }

        body.End();
        int visit = await AskedStepAsync(context, id, step, cancellationToken).ConfigureAwait(false);
        var content = new InboxContent { By = Caller.ActorOf(context), Node = visit, Resolution = resolution!.Value, Payload = output is { } value ? new Payload(mask.Json(value)) : null };
        await SendAsync(context, id, InboxKind.Resolution, Once(context, "resolve"), content, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A payload that the workflow would not know what to do with is refused to whoever sends it.</summary>
    private async Task CheckSignalAsync(HttpContext context, string id, string name, ReadOnlyMemory<byte>? payload, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        RunRow row = await reader.FindAsync(tenant, id, cancellationToken).ConfigureAwait(false);
        if (await reader.DefinitionAsync(tenant, row, cancellationToken).ConfigureAwait(false) is { } definition
            && definition.Signals.TryGetValue(name, out JsonSchema? schema)
            && schema.Validate(payload ?? Payload.Null.Utf8) is { Valid: false } result)
        {
            throw new ProblemException(
                ErrorCode.ValidationFailed,
                $"The payload does not fit the schema that '{definition.Name}' {definition.Version} declares for the signal '{name}'. Nothing was delivered.",
                [.. result.Errors.Take(20).Select(e => new ProblemEntry(e.Message, Pointer: "/payload" + e.InstanceLocation))]);
        }
    }

    /// <summary>The visit that waits to be resolved. Saying so now is friendlier than dropping the answer later.</summary>
    private async Task<int> AskedStepAsync(HttpContext context, string id, string step, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        RunRow row = await reader.FindAsync(tenant, id, cancellationToken).ConfigureAwait(false);
        if (row.Status.IsTerminal())
        {
            throw Ended();
        }

        RunFold fold = await reader.FoldAsync(tenant, row, cancellationToken).ConfigureAwait(false);
        StepFold[] named = [.. fold.Steps.Where(s => s.Visit.Name == step)];
        StepFold[] asked = [.. named.Where(s => s.Status == "asked")];
        if (asked.Length > 1)
        {
            throw new ProblemException(ErrorCode.StepNotFound, $"Several steps '{step}' ask: {string.Join(", ", asked.Select(s => $"{s.Visit.Id} ({s.Visit.Path})"))}. Name one by its number.");
        }

        int visit = asked is [var only] ? only.Visit.Id
            : int.TryParse(step, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number < fold.Steps.Count ? number
            : named is [.., var last] ? last.Visit.Id
            : throw new ProblemException(ErrorCode.StepNotFound, $"The run has no step '{step}'. Name the one that asks by its id in the workflow, or by its number: the 'id' among the run's steps.");
        string status = fold.Steps[visit].Status;
        return status == "asked" ? visit : throw new ProblemException(ErrorCode.StepNotWaiting, $"Step '{fold.Steps[visit].Visit.Path}' is {status}; only a step that is asked takes a resolution.");
    }

    private async Task SendAsync(HttpContext context, string id, InboxKind kind, string dedupe, InboxContent content, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        RunRow row = await reader.FindAsync(tenant, id, cancellationToken).ConfigureAwait(false);
        if (row.Status == RunStatus.Diverged)
        {
            throw new ProblemException(Problem.Of(ErrorCode.RunDiverged, $"The run was set aside and takes nothing: {row.Result}") with { Status = StatusCodes.Status409Conflict });
        }

        await audit.AllowAsync(context, tenant, $"run.{Word(kind)}", $"run:{row.Run}", d => Describe(d, kind, content)).ConfigureAwait(false);

        // Once it is on its way it arrives, whether or not the caller waits for the answer.
        SendOutcome outcome = await host.SendAsync(tenant, row.Run, kind, dedupe, content, cancellationToken).ConfigureAwait(false);
        switch (outcome)
        {
            case SendOutcome.RunNotFound:
                throw RunReader.NotFound();
            case SendOutcome.RunEnded:
                throw Ended();
        }

        await Reply.JsonAsync(context, StatusCodes.Status202Accepted, new AcceptedView(row.Run.ToString(), true), ServerJson.Default.AcceptedView).ConfigureAwait(false);
    }

    private static string Word(InboxKind kind) => kind switch
    {
        InboxKind.Signal => "signal",
        InboxKind.Cancel => "cancel",
        InboxKind.Resolution => "resolve",
        InboxKind.Pause => "pause",
        InboxKind.Resume => "resume",
        InboxKind.Migrate => "migrate",
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <summary>What is not payload: that may be secret, and the journal has it.</summary>
    private static void Describe(CanonicalObject details, InboxKind kind, InboxContent content)
    {
        switch (kind)
        {
            case InboxKind.Signal:
                details.Text("name"u8, content.Name);
                break;
            case InboxKind.Cancel:
                details.Text("reason"u8, content.Reason);
                break;
            case InboxKind.Resolution:
                details.Text("resolution"u8, content.Resolution switch { StepResolution.Retry => "retry", StepResolution.Succeed => "succeed", _ => "fail" }).Number("step"u8, content.Node);
                break;
        }
    }

    private static ProblemException Ended() => new(ErrorCode.RunAlreadyEnded, "The run has ended; nothing can reach it any more.");

    /// <summary>What makes a command the same command when it is sent again: the key of the request, or nothing.</summary>
    private string Once(HttpContext context, string command) => $"{command}:{IdempotencyKeys.Of(context) ?? ids.Create().ToString()}";
}

/// <summary>The thing is on disk and will be taken exactly once.</summary>
public sealed record AcceptedView(string RunId, bool Accepted);
