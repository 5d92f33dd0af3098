using System.Text.Json;

namespace AgentFlow.Client;

public sealed partial class AgentFlowClient
{
    /// <summary>What runs wait for people to do, newest first, in the short form.</summary>
    /// <param name="status">A state, or <c>pending</c> for all that wait; <see langword="null"/>: every one.</param>
    /// <param name="approvals">Only approvals.</param>
    public Task<Page<HumanTask>> ListHumanTasksAsync(string? status = null, bool approvals = false, int size = 50, string? cursor = null, CancellationToken cancellationToken = default) => GetAsync(
        $"{(approvals ? "approvals" : "human-tasks")}?page[size]={size}{Cursor(cursor)}{(status is null ? "" : $"&filter[status]={Escape(status)}")}", ClientJson.Default.PageHumanTask, cancellationToken);

    public Task<HumanTask> GetHumanTaskAsync(string id, CancellationToken cancellationToken = default) => GetAsync($"human-tasks/{Escape(id)}", ClientJson.Default.HumanTask, cancellationToken);

    /// <summary>Says that the caller works on a task.</summary>
    public Task<HumanTask> ClaimHumanTaskAsync(string id, CancellationToken cancellationToken = default) => ChangeTaskAsync($"human-tasks/{Escape(id)}/claim", new EmptyBody(), ClientJson.Default.EmptyBody, null, cancellationToken);

    /// <summary>Gives a claimed task back.</summary>
    public Task<HumanTask> ReleaseHumanTaskAsync(string id, CancellationToken cancellationToken = default) => ChangeTaskAsync($"human-tasks/{Escape(id)}/release", new EmptyBody(), ClientJson.Default.EmptyBody, null, cancellationToken);

    /// <summary>Gives a task to somebody else.</summary>
    public Task<HumanTask> ReassignHumanTaskAsync(string id, TaskAssignee to, CancellationToken cancellationToken = default) => ChangeTaskAsync($"human-tasks/{Escape(id)}/reassign", to, ClientJson.Default.TaskAssignee, null, cancellationToken);

    /// <summary>Answers a task. When this returns the answer is durable, and the only one.</summary>
    public Task<HumanTask> CompleteHumanTaskAsync(string id, JsonElement answer, CancellationToken cancellationToken = default) =>
        ChangeTaskAsync($"human-tasks/{Escape(id)}/complete", new CompleteTaskBody(answer), ClientJson.Default.CompleteTaskBody, Guid.NewGuid().ToString("N"), cancellationToken);

    /// <summary>Decides about an approval. When this returns the decision is durable, and the only one.</summary>
    public Task<HumanTask> DecideApprovalAsync(string id, bool granted, string? reason = null, CancellationToken cancellationToken = default) =>
        ChangeTaskAsync($"approvals/{Escape(id)}/{(granted ? "approve" : "deny")}", new CancelBody(reason), ClientJson.Default.CancelBody, Guid.NewGuid().ToString("N"), cancellationToken);

    private async Task<HumanTask> ChangeTaskAsync<T>(string address, T body, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type, string? key, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await PostAsync(address, body, type, key, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(response, ClientJson.Default.HumanTask, cancellationToken).ConfigureAwait(false);
    }
}
