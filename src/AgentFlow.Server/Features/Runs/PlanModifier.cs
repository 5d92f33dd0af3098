using System.Text;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.Secrets;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Runs;

/// <summary>
/// Changes the plan of a run. The run decides, when it takes the changes from its inbox; what can be said before is said at
/// once, and the answer waits a little for the decision.
/// </summary>
internal sealed class PlanModifier(RunHost host, RunReader reader, UlidFactory ids, AuditRecorder audit, SecretMask mask, TimeProvider clock)
{
    private const int MaxReason = 2000;
    private const int MaxText = 1 << 20;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(20);

    public async Task HandleAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        string text = Changes(body);
        string reason = body.Text("reason", MaxReason) ?? "";
        int revision = body.Number("revision") is { } number ? (int)Math.Clamp(number, -1, int.MaxValue) : -1;
        body.End();
        new QueryReader(context).End();
        string tenant = Tenant.Of(context);
        RunRow row = await reader.FindAsync(tenant, id, cancellationToken).ConfigureAwait(false);
        string? given = IdempotencyKeys.Of(context);
        if (given is not null && await WaitAsync(tenant, row.Run, given, TimeSpan.Zero, cancellationToken).ConfigureAwait(false))
        {
            await ReplyAsync(context, row.Run, true).ConfigureAwait(false);
            return;
        }

        RunState state = await reader.StateAsync(tenant, row, cancellationToken).ConfigureAwait(false);
        text = mask.Text(text);
        if (PlanModification.Check(state, text, revision, out IReadOnlyList<Diagnostic> diagnostics).Refusal is { } refusal)
        {
            throw Refused(refusal, diagnostics);
        }

        string actor = Caller.ActorOf(context);
        string key = given ?? ids.Create().ToString();
        await audit.AllowAsync(context, tenant, "run.modify", $"run:{row.Run}", d => d.Text("reason"u8, mask.Text(reason))).ConfigureAwait(false);
        var content = new InboxContent { Name = key, Text = text, Revision = revision, By = actor, Reason = mask.Text(reason) };
        SendOutcome sent = await host.SendAsync(tenant, row.Run, InboxKind.Modify, $"modify:{key}", content, cancellationToken).ConfigureAwait(false);
        if (sent != SendOutcome.Accepted)
        {
            throw sent == SendOutcome.RunNotFound ? RunReader.NotFound() : new ProblemException(ErrorCode.RunAlreadyEnded, "The run has ended; its plan cannot be changed.");
        }

        await ReplyAsync(context, row.Run, await WaitAsync(tenant, row.Run, key, Patience, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
    }

    private static Task ReplyAsync(HttpContext context, Ulid run, bool applied) => Reply.JsonAsync(
        context,
        applied ? StatusCodes.Status200OK : StatusCodes.Status202Accepted,
        new PlanModifiedView(run.ToString(), applied),
        ServerJson.Default.PlanModifiedView);

    /// <summary>The changes as one text: as it was sent, or the list that was.</summary>
    private static string Changes(JsonBody body)
    {
        if (body.Value("changes") is not { } changes)
        {
            body.Fault("changes", "'changes' is missing", "Send a list of changes, or the YAML text that holds one.");
            return "";
        }

        return changes.Span[0] == '"' ? body.Text("changes", MaxText) ?? "" : $$"""{"changes":{{Encoding.UTF8.GetString(changes.Span)}}}""";
    }

    /// <summary>Waits for what the run decides.</summary>
    /// <returns>False when it has not done so yet.</returns>
    private async Task<bool> WaitAsync(string tenant, Ulid run, string key, TimeSpan patience, CancellationToken cancellationToken)
    {
        long started = clock.GetTimestamp();
        long from = 0;
        bool isTaken = false;
        while (true)
        {
            await foreach ((long first, IReadOnlyList<JournalEvent> events) in reader.FramesAsync(tenant, run, from, reader.Blobs(tenant), cancellationToken).ConfigureAwait(false))
            {
                foreach (JournalEvent happened in events)
                {
                    isTaken |= happened is PlanModified wanted && wanted.Key == key;
                    if (isTaken && happened is PlanGrafted)
                    {
                        return true;
                    }

                    if (isTaken && happened is PlanRefused refused)
                    {
                        throw Refused(refused.Error, []);
                    }
                }

                from = first + events.Count;
            }

            if (clock.GetElapsedTime(started) >= patience)
            {
                return false;
            }

            await Task.Delay(LookAgain, clock, cancellationToken).ConfigureAwait(false);
        }
    }

    private static ProblemException Refused(StepError refusal, IReadOnlyList<Diagnostic> diagnostics) => new(
        ErrorCode.Find(refusal.Code) ?? ErrorCode.PlanChangeInvalid,
        refusal.Message,
        [.. diagnostics.Where(d => d.IsError).Select(d => new ProblemEntry(d.Message, d.File, null, d.Line, d.Column, d.Code, d.Remedy))]);
}

/// <summary>What became of the changes.</summary>
/// <param name="Applied">The run goes on with the changed plan. False: the changes are on disk, and the run decides when it takes them.</param>
public sealed record PlanModifiedView(string RunId, bool Applied);
