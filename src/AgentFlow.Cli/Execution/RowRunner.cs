using System.Collections.Concurrent;
using System.Text.Json;
using AgentFlow.Cli.Inputs;
using AgentFlow.Client;
using AgentFlow.Contracts.Errors;

namespace AgentFlow.Cli.Execution;

/// <summary>Runs a workflow once for each row, several at a time, and hands the results over in the order of the rows.</summary>
internal sealed class RowRunner(AgentFlowClient client, Workflow workflow, int concurrency)
{
    private readonly ConcurrentDictionary<string, int> _open = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    /// <summary>Runs that were started and not seen to end, oldest first.</summary>
    public IReadOnlyList<string> Open => [.. _open.Keys.Order(StringComparer.Ordinal)];

    /// <param name="inOrder">Called for each row in the order of the rows, never twice at once.</param>
    /// <param name="ended">Called whenever a row ends, in whatever order.</param>
    public async Task RunAsync(IReadOnlyList<FittedRow> rows, Action<RowResult> inOrder, Action ended, CancellationToken cancelled)
    {
        // Results that are there before those of earlier rows wait here.
        var early = new Dictionary<int, RowResult>();
        int next = 0;
        var options = new ParallelOptions { MaxDegreeOfParallelism = concurrency, CancellationToken = cancelled };
        await Parallel.ForAsync(0, rows.Count, options, async (index, cancel) =>
        {
            RowResult result = await RunAsync(rows[index], cancel);
            lock (_gate)
            {
                early.Add(index, result);
                while (early.Remove(next, out RowResult? ready))
                {
                    inOrder(ready);
                    next++;
                }

                ended();
            }
        });
    }

    private async Task<RowResult> RunAsync(FittedRow row, CancellationToken cancelled)
    {
        StartedRun started;
        try
        {
            var request = new RunRequest(workflow.Name, JsonSerializer.SerializeToElement(row.Input, CliJson.Default.JsonObject)) { Version = workflow.Version };
            started = await client.StartAsync(request, cancelled);
        }
        catch (AgentFlowException e) when (e.Code == ErrorCode.InputInvalid.Code || e.Code == ErrorCode.PayloadTooLarge.Code)
        {
            return Refused(row, e);
        }

        _open.TryAdd(started.RunId, row.Number);
        var observer = new RunObserver(client);
        Run run = await observer.FollowAsync(started.RunId, seen: null, cancelled);
        _open.TryRemove(started.RunId, out _);
        return observer.Result(row.Number, row.Message, run);
    }

    private static RowResult Refused(FittedRow row, AgentFlowException refusal)
    {
        IEnumerable<string> reasons = (refusal.Problem.Errors ?? []).Select(e => $"{e.Pointer}: {e.Message} {e.Remedy}".Trim());
        string message = string.Join("; ", reasons.DefaultIfEmpty(refusal.Message));
        return new RowResult(row.Number, row.Message, null, RowResult.Refused, null, [], null, null, null, 0, null, new RunError(refusal.Code, null, message));
    }
}
