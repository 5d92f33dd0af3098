using System.Text;
using System.Text.Json;

namespace AgentFlow.Client;

public sealed partial class AgentFlowClient
{
    /// <summary>Starts a run. When this returns, the run is on the server's disk and will end, whatever happens to the caller.</summary>
    public async Task<StartedRun> StartAsync(RunRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        using HttpResponseMessage response = await PostAsync(
            $"workflows/{Escape(request.Workflow)}/execute?async=true",
            new ExecuteBody(request.Input, request.Version, request.TraceId),
            ClientJson.Default.ExecuteBody,
            request.IdempotencyKey ?? Guid.NewGuid().ToString("N"),
            cancellationToken).ConfigureAwait(false);
        AcceptedBody accepted = await ReadAsync(response, ClientJson.Default.AcceptedBody, cancellationToken).ConfigureAwait(false);
        return new StartedRun(accepted.RunId, accepted.TraceId);
    }

    /// <summary>Starts a run and waits for its end. Cancelling the token stops the waiting, not the run.</summary>
    public async Task<Run> ExecuteAsync(RunRequest request, CancellationToken cancellationToken = default)
    {
        StartedRun started = await StartAsync(request, cancellationToken).ConfigureAwait(false);
        return await WaitAsync(started.RunId, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Waits for a run's end. A run that waits for a signal is waited for as long as that takes.</summary>
    public async Task<Run> WaitAsync(string runId, CancellationToken cancellationToken = default)
    {
        await foreach (RunEvent _ in StreamAsync(runId, cancellationToken: cancellationToken).ConfigureAwait(false))
        {
            // Only the stream's end matters here.
        }

        return await GetRunAsync(runId, cancellationToken).ConfigureAwait(false);
    }

    public Task<Run> GetRunAsync(string runId, CancellationToken cancellationToken = default) =>
        GetAsync($"runs/{Escape(runId)}", ClientJson.Default.Run, cancellationToken);

    /// <summary>What a run has done that can be undone, and how far undoing it has come.</summary>
    public Task<Saga> GetSagaAsync(string runId, CancellationToken cancellationToken = default) =>
        GetAsync($"runs/{Escape(runId)}/saga", ClientJson.Default.Saga, cancellationToken);

    /// <summary>Why a run took the way that it took, in words.</summary>
    public Task<Explanation> ExplainAsync(string runId, CancellationToken cancellationToken = default) =>
        GetAsync($"runs/{Escape(runId)}/explain", ClientJson.Default.Explanation, cancellationToken);

    /// <summary>Runs, newest first, in the short form.</summary>
    public Task<Page<Run>> ListRunsAsync(RunQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        var address = new StringBuilder($"runs?page[size]={query.Size}{Cursor(query.Cursor)}");
        if (query.Workflow is not null)
        {
            address.Append("&filter[workflow]=").Append(Escape(query.Workflow));
        }

        if (query.Status is not null)
        {
            address.Append("&filter[status]=").Append(Escape(query.Status));
        }

        return GetAsync(address.ToString(), ClientJson.Default.PageRun, cancellationToken);
    }

    /// <summary>A part of a run's journal.</summary>
    /// <param name="from">The first sequence to give.</param>
    public async Task<Page<RunEvent>> ListEventsAsync(string runId, long from = 0, int limit = 500, CancellationToken cancellationToken = default)
    {
        Page<JsonElement> page = await GetAsync($"runs/{Escape(runId)}/events?from={from}&limit={limit}", ClientJson.Default.PageJsonElement, cancellationToken).ConfigureAwait(false);
        return new Page<RunEvent>([.. page.Items.Select(RunEvent.Read)], page.NextCursor, page.TotalCount);
    }

    /// <summary>Asks a run to stop. It ends as soon as no step is in flight.</summary>
    public Task CancelAsync(string runId, string? reason = null, CancellationToken cancellationToken = default) =>
        KnockAsync(runId, "cancel", new CancelBody(reason), ClientJson.Default.CancelBody, cancellationToken);

    /// <summary>Delivers a signal. It is kept until the run waits for its name.</summary>
    /// <param name="id">The same id again is the same signal.</param>
    public Task SignalAsync(string runId, string name, JsonElement? payload = null, string? id = null, CancellationToken cancellationToken = default) =>
        KnockAsync(runId, "signal", new SignalBody(name, payload, id), ClientJson.Default.SignalBody, cancellationToken);

    /// <summary>Says what became of a step that is <c>asked</c>.</summary>
    /// <param name="step">The step's <see cref="RunStep.Id"/>.</param>
    /// <param name="resolution"><c>retry</c>, <c>succeed</c> or <c>fail</c>.</param>
    /// <param name="output">The step's output, with <c>succeed</c>.</param>
    public Task ResolveAsync(string runId, string step, string resolution, JsonElement? output = null, CancellationToken cancellationToken = default) =>
        KnockAsync(runId, $"steps/{Escape(step)}/resolve", new ResolveBody(resolution, output), ClientJson.Default.ResolveBody, cancellationToken);

    /// <summary>Changes what a run has not done yet of its plan.</summary>
    /// <param name="changes">YAML with a list of <c>changes</c>.</param>
    /// <param name="reason">Why, for the journal and the audit.</param>
    /// <param name="revision">The revision of the plan that the changes were made for; <see langword="null"/>: whichever it has.</param>
    /// <returns>True when the run goes on with the changed plan; false when it has not decided yet.</returns>
    /// <exception cref="AgentFlowException"><c>PLAN_CHANGE_INVALID</c> with every problem, <c>STEP_BEGUN</c> or <c>PLAN_CHANGED</c>.</exception>
    public async Task<bool> ModifyPlanAsync(string runId, string changes, string? reason = null, int? revision = null, CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await PostAsync($"runs/{Escape(runId)}/plan", new ModifyPlanBody(changes, reason, revision), ClientJson.Default.ModifyPlanBody, idempotencyKey: null, cancellationToken).ConfigureAwait(false);
        return response.StatusCode == System.Net.HttpStatusCode.OK;
    }

    /// <summary>Holds a run: no new step of it starts, and those in flight finish.</summary>
    public Task PauseAsync(string runId, CancellationToken cancellationToken = default) =>
        KnockAsync(runId, "pause", new EmptyBody(), ClientJson.Default.EmptyBody, cancellationToken);

    /// <summary>Lets a paused run go on.</summary>
    public Task ResumeAsync(string runId, CancellationToken cancellationToken = default) =>
        KnockAsync(runId, "resume", new EmptyBody(), ClientJson.Default.EmptyBody, cancellationToken);

    /// <summary>Asks a run to leave the process that executes it, for whichever claims it next, once no step of it is in flight.</summary>
    public Task MigrateAsync(string runId, CancellationToken cancellationToken = default) =>
        KnockAsync(runId, "migrate", new EmptyBody(), ClientJson.Default.EmptyBody, cancellationToken);

    private async Task KnockAsync<T>(string runId, string verb, T body, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await PostAsync($"runs/{Escape(runId)}/{verb}", body, type, idempotencyKey: null, cancellationToken).ConfigureAwait(false);
    }
}
