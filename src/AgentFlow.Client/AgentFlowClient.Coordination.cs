namespace AgentFlow.Client;

public sealed partial class AgentFlowClient
{
    /// <summary>Semaphores that somebody holds or wants a permit of, by name.</summary>
    public Task<Page<SharedSemaphore>> ListSemaphoresAsync(int size = 50, string? cursor = null, CancellationToken cancellationToken = default) =>
        GetAsync($"semaphores?page[size]={size}{Cursor(cursor)}", ClientJson.Default.PageSharedSemaphore, cancellationToken);

    /// <summary>Barriers that somebody waits at, by name.</summary>
    public Task<Page<SharedBarrier>> ListBarriersAsync(int size = 50, string? cursor = null, CancellationToken cancellationToken = default) =>
        GetAsync($"barriers?page[size]={size}{Cursor(cursor)}", ClientJson.Default.PageSharedBarrier, cancellationToken);
}
