namespace AgentFlow.Client;

public sealed partial class AgentFlowClient
{
    public Task<Page<Schedule>> ListSchedulesAsync(int size = 50, string? cursor = null, CancellationToken cancellationToken = default) =>
        GetAsync($"schedules?page[size]={size}{Cursor(cursor)}", ClientJson.Default.PageSchedule, cancellationToken);

    /// <param name="times">How many times to come are given, 1 to 100.</param>
    public Task<Schedule> GetScheduleAsync(string id, int times = 5, CancellationToken cancellationToken = default) =>
        GetAsync($"schedules/{Escape(id)}?times={times}", ClientJson.Default.Schedule, cancellationToken);

    /// <summary>Has a schedule start no runs; those of the meantime are not made up for.</summary>
    public Task<Schedule> PauseScheduleAsync(string id, CancellationToken cancellationToken = default) => ChangeScheduleAsync(id, "pause", cancellationToken);

    public Task<Schedule> ResumeScheduleAsync(string id, CancellationToken cancellationToken = default) => ChangeScheduleAsync(id, "resume", cancellationToken);

    private async Task<Schedule> ChangeScheduleAsync(string id, string change, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await PostAsync($"schedules/{Escape(id)}/{change}", new EmptyBody(), ClientJson.Default.EmptyBody, idempotencyKey: null, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(response, ClientJson.Default.Schedule, cancellationToken).ConfigureAwait(false);
    }
}
