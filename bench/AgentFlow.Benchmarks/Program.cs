using System.Globalization;
using System.Runtime.InteropServices;
using AgentFlow.Benchmarks;
using AgentFlow.Benchmarks.Processes;
using AgentFlow.Benchmarks.Stores;
using AgentFlow.Benchmarks.Workloads;
using AgentFlow.Storage.Sqlite;

if (args is ["worker", var address, var ledger, var maxSteps])
{
    return await Worker.RunAsync(address, ledger, int.Parse(maxSteps, CultureInfo.InvariantCulture));
}

BenchOptions? options = BenchOptions.Parse(args);
if (options is null)
{
    return 2;
}

var report = new Report();
SqliteEngine.Load();
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription}, .NET {Environment.Version}, SQLite {SqliteEngine.Version}"));
if (options.Wants("micro"))
{
    await Micro.RunAsync(report);
    await AccessCosts.RunAsync(report);
}

foreach (string kind in options.Stores)
{
    await using IStorage storage = kind == "sqlite" ? new SqliteStorage() : await PostgresStorage.StartAsync();
    if (options.Wants("durable"))
    {
        await Durable.WorkflowsAsync(report, storage, "W1", "ten-steps-durable", "Ten steps, each a durable barrier (in process)", options.Concurrencies ?? [1, 16, 64], options.Round);
    }

    if (options.Wants("http"))
    {
        await OverHttp.WorkflowsAsync(report, storage, "ten-steps-durable", "Ten steps, each a durable barrier (over HTTP)", options.Concurrencies ?? [1, 16, 64], options.Round);
    }

    if (options.Wants("audit"))
    {
        await AuditCost.RunAsync(report, storage, options.Concurrencies ?? [1, 16, 64], options.Round);
    }

    if (options.Wants("first-step"))
    {
        await Durable.FirstStepAsync(report, storage, 3_000);
    }

    if (options.Wants("pure"))
    {
        await Durable.WorkflowsAsync(report, storage, "W2", "ten-steps-pure", "Ten pure steps, one barrier (in process)", options.Concurrencies ?? [1, 16, 64], options.Round);
    }

    if (options.Wants("pure") && kind == "sqlite")
    {
        // It fills with 60 MB a second.
        await using var memory = new SqliteStorage(isInMemory: true);
        await Durable.WorkflowsAsync(report, memory, "W2", "ten-steps-pure", "Ten pure steps, nothing durable (in process)", options.Concurrencies ?? [1, 16, 64], options.Round / 4);
    }

    if (options.Wants("parallel"))
    {
        await Durable.WorkflowsAsync(report, storage, "W3", "hundred-parallel", "A hundred parallel steps and a join, durable (in process)", options.Concurrencies ?? [1, 8], options.Round);
    }

    if (options.Wants("signals"))
    {
        await Signals.RunAsync(report, storage, 10_000, 2_000);
        await Signals.RunAsync(report, storage, 100_000, 2_000);
    }

    if (options.Wants("size"))
    {
        await Size.RunAsync(report, storage);
    }

    if (options.Wants("recovery"))
    {
        await Recovery.RunAsync(report, storage, 1_000);
    }

    if (options.Wants("metrics"))
    {
        await Metrics.RunAsync(report, storage);
    }

    if (options.Wants("processes") && storage is PostgresStorage)
    {
        await TwoProcesses.RunAsync(report, storage, 2_000);
    }
}

if (options.Peers is { } folder)
{
    await Peers.RunAsync(report, folder, options.PeerNames);
}

if (options.Output is { } file)
{
    await File.WriteAllTextAsync(file, report.ToMarkdown());
}

return 0;
