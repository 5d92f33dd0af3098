namespace AgentFlow.Server;

/// <summary>Work that is done again and again while the server runs.</summary>
internal static class Rounds
{
    /// <summary>Does it now and then at every tick, until it is told to stop; a round that is still under way delays the next one.</summary>
    /// <param name="failed">Told of a round that failed, whatever it was: the next one may succeed.</param>
    /// <exception cref="OperationCanceledException">It was told to stop.</exception>
    public static async Task RepeatAsync(Func<CancellationToken, Task> work, TimeSpan every, TimeProvider clock, Action<Exception> failed, CancellationToken stopping)
    {
        using var ticks = new PeriodicTimer(every, clock);
        do
        {
            try
            {
                await work(stopping).ConfigureAwait(false);
            }
            catch (Exception e) when (!stopping.IsCancellationRequested)
            {
                failed(e);
            }
        }
        while (await ticks.WaitForNextTickAsync(stopping).ConfigureAwait(false));
    }
}
