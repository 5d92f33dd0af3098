using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Benchmarks.Processes;

/// <summary>
/// The other side of <see cref="WorkerProcess"/>: an engine in a process of its own. Says <c>ready</c>, then <c>ended RUN</c>
/// for each run; takes <c>start N</c> and answers <c>accepted RUN</c>; ends with its standard input.
/// </summary>
internal static class Worker
{
    public static async Task<int> RunAsync(string address, string ledger, int maxSteps)
    {
        using var tool = new WorkTool(ledger);
        WorkflowDefinition definition = tool.TenSteps();
        var output = new Output();
        await using Bench bench = await Bench.AttachAsync(address, new EngineOptions { MaxAttempts = maxSteps }, output);
        bench.Add(definition);
        await bench.Host.OpenAsync(default);
        output.Say("ready");
        while (await Console.In.ReadLineAsync() is { } line)
        {
            int count = int.Parse(line["start ".Length..], System.Globalization.CultureInfo.InvariantCulture);
            await Task.WhenAll(Enumerable.Range(0, count).Select(async _ => output.Say($"accepted {(await bench.Host.StartAsync(Bench.Request(definition), default)).Run}")));
        }

        return 0;
    }

    private sealed class Output : IBus
    {
        private readonly Lock _gate = new();
        public bool HasConsumers => true;

        public void Publish(CommittedFrame frame)
        {
            if (frame.Events[^1] is RunCompleted or RunFailed or RunCancelled)
            {
                Say($"ended {frame.Run}");
            }
        }

        public void Say(string line)
        {
            lock (_gate)
            {
                Console.Out.WriteLine(line);
            }
        }
    }
}
