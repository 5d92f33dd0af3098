using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Errors;

namespace AgentFlow.Client;

public sealed partial class AgentFlowClient
{
    // Beside the API: deployed agents know these addresses.
    private const string BridgeBase = "../../orchestrator/";

    /// <summary>The remote agents, by name.</summary>
    public async Task<IReadOnlyList<RemoteAgent>> ListRemoteAgentsAsync(CancellationToken cancellationToken = default) =>
        (await GetAsync(BridgeBase + "agents", ClientJson.Default.RemoteAgentList, cancellationToken).ConfigureAwait(false)).Agents;

    /// <summary>Gives a task to a remote agent; durable when it returns.</summary>
    /// <param name="idempotencyKey">Whoever uses it again gets the same task; made up without one, so that the request can be repeated.</param>
    public async Task<DispatchedTask> DispatchTaskAsync(TaskRequest request, string? idempotencyKey = null, CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await PostAsync(BridgeBase + "tasks/dispatch", request, ClientJson.Default.TaskRequest, idempotencyKey ?? Guid.NewGuid().ToString("N"), cancellationToken).ConfigureAwait(false);
        return await ReadAsync(response, ClientJson.Default.DispatchedTask, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A task with its history.</summary>
    public Task<RemoteTask> GetTaskAsync(string id, CancellationToken cancellationToken = default) =>
        GetAsync($"{BridgeBase}tasks/{Escape(id)}", ClientJson.Default.RemoteTask, cancellationToken);

    /// <summary>Tasks, newest first, in the short form.</summary>
    public Task<Page<RemoteTask>> ListTasksAsync(TaskQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        var address = new StringBuilder($"{BridgeBase}{(query.DeadLetters ? "dead-letters" : "tasks")}?page[size]={query.Size}{Cursor(query.Cursor)}");
        foreach ((string name, string? value) in new[] { ("status", query.Status), ("agent_id", query.AgentId), ("action", query.Action) })
        {
            if (value is not null)
            {
                address.Append("&filter[").Append(name).Append("]=").Append(Escape(value));
            }
        }

        return GetAsync(address.ToString(), ClientJson.Default.PageRemoteTask, cancellationToken);
    }

    /// <summary>Dispatches a dead letter again, once, however often it is asked for.</summary>
    /// <param name="agent">The only agent that may do it this time.</param>
    public async Task<DispatchedTask> ReplayDeadLetterAsync(string id, string? agent = null, CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await PostAsync($"{BridgeBase}dead-letters/{Escape(id)}/replay", new ReplayTaskBody(agent), ClientJson.Default.ReplayTaskBody, idempotencyKey: null, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(response, ClientJson.Default.DispatchedTask, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Has events of remote agents posted to an address.</summary>
    public async Task<EventSubscription> CreateSubscriptionAsync(NewEventSubscription subscription, CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await PostAsync(BridgeBase + "subscriptions", subscription, ClientJson.Default.NewEventSubscription, idempotencyKey: null, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(response, ClientJson.Default.EventSubscription, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Subscriptions, oldest first.</summary>
    public Task<Page<EventSubscription>> ListSubscriptionsAsync(string? cursor = null, int size = 50, CancellationToken cancellationToken = default) =>
        GetAsync($"{BridgeBase}subscriptions?page[size]={size}{Cursor(cursor)}", ClientJson.Default.PageEventSubscription, cancellationToken);

    /// <summary>Tries a suspended subscription again; it goes on where it stopped.</summary>
    public async Task<EventSubscription> ResumeSubscriptionAsync(string id, CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await PostAsync($"{BridgeBase}subscriptions/{Escape(id)}/resume", new EmptyBody(), ClientJson.Default.EmptyBody, idempotencyKey: null, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(response, ClientJson.Default.EventSubscription, cancellationToken).ConfigureAwait(false);
    }

    public async Task RemoveSubscriptionAsync(string id, CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await SendAsync(() => new HttpRequestMessage(HttpMethod.Delete, $"{BridgeBase}subscriptions/{Escape(id)}"), repeatable: false, HttpCompletionOption.ResponseContentRead, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>What the bridge answers instead of problem details; <see langword="null"/> when it is not that either.</summary>
    private static Problem? ReadBridgeError(HttpResponseMessage response, byte[] body)
    {
        if (response.Content.Headers.ContentType?.MediaType != "application/json" || JsonElement.Parse(body) is not { ValueKind: JsonValueKind.Object } json
            || !json.TryGetProperty("error", out JsonElement error) || error.ValueKind != JsonValueKind.Object
            || !error.TryGetProperty("code", out JsonElement code) || !error.TryGetProperty("message", out JsonElement message)
            || code.ValueKind != JsonValueKind.String || message.ValueKind != JsonValueKind.String)
        {
            return null;
        }

        ErrorCode? known = ErrorCode.Find(code.GetString()!);
        return new Problem
        {
            Type = $"/docs/errors/{code.GetString()}",
            Title = known?.Title ?? response.ReasonPhrase ?? "",
            Status = (int)response.StatusCode,
            Detail = message.GetString(),
            Code = code.GetString()!,
            Retryable = known?.Retryable ?? false,
        };
    }
}
