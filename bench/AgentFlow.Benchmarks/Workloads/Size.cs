using AgentFlow.Benchmarks.Stores;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Benchmarks.Workloads;

/// <summary>What runs take on disk: tables and indexes.</summary>
internal static class Size
{
    private static readonly string[] Header = ["store", "what", "bytes"];

    public static async Task RunAsync(Report report, IStorage storage)
    {
        await using Bench bench = await Bench.OpenAsync(storage);
        WorkflowDefinition steps = await bench.LoadAsync("ten-steps-durable");
        await RunsAsync(bench, steps, 200);
        long before = await bench.BytesAsync();
        await RunsAsync(bench, steps, 5_000);
        report.Add("Bytes on disk", Header, storage.Name, "a run of ten durable steps", ((await bench.BytesAsync()) - before) / 5_000.0);

        WorkflowDefinition conversation = await bench.LoadAsync("conversation");
        foreach (int turns in new[] { 25, 50, 100 })
        {
            const int conversations = 40;
            before = await bench.BytesAsync();
            await Task.WhenAll(Enumerable.Range(0, conversations).Select(i => ConverseAsync(bench, conversation, i, turns)));
            report.Add("Bytes on disk", Header, storage.Name, $"a turn of {turns}, each of 1,000 bytes", ((await bench.BytesAsync()) - before) / (double)(conversations * turns));
        }
    }

    private static async Task RunsAsync(Bench bench, WorkflowDefinition definition, int count)
    {
        for (int i = 0; i < count; i += 50)
        {
            await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => bench.ExecuteAsync(definition)));
        }
    }

    private static async Task ConverseAsync(Bench bench, WorkflowDefinition definition, int number, int turns)
    {
        Ulid run = (await bench.Host.StartAsync(Bench.Request(definition), default)).Run;
        for (int turn = 1; turn <= turns; turn++)
        {
            string text = $"{number}/{turns}/{turn} ".PadRight(960, 'x');
            var said = new InboxContent { Name = "said", Payload = Payload.FromText($$"""{"text":"{{text}}","last":{{(turn == turns ? "true" : "false")}}}""") };
            await bench.Host.SendAsync("default", run, InboxKind.Signal, $"turn-{turn}", said, default);
        }

        await bench.Host.WaitAsync("default", run, default);
    }
}
