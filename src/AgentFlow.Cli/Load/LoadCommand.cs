using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Text.Json;
using AgentFlow.Cli.Terminals;

namespace AgentFlow.Cli.Load;

/// <summary><c>af load</c>: load as real callers make it, with evidence.</summary>
internal static class LoadCommand
{
    private static readonly Option<double> Rate = new("--rps") { Description = "Requests a second.", DefaultValueFactory = _ => 200, HelpName = "n" };
    private static readonly Option<string> Duration = new("--duration") { Description = "How long it is measured, such as 60s or 5m.", DefaultValueFactory = _ => "60s", HelpName = "time" };
    private static readonly Option<string> WarmUp = new("--warm-up") { Description = "Load before, that is not measured.", DefaultValueFactory = _ => "5s", HelpName = "time" };
    private static readonly Option<int> Agents = new("--agents") { Description = "Agents that take turns.", DefaultValueFactory = _ => 50, HelpName = "n" };
    private static readonly Option<int> Connections = new("--connections") { Description = "Most requests under way at once; others wait, and their wait counts.", DefaultValueFactory = _ => 64, HelpName = "n" };
    private static readonly Option<string?> Target = new("--target") { Description = "The orchestrator; its SHARED_SECRET must be in the environment. Default: one of its own, in another process, on a database that is gone afterwards.", HelpName = "url" };
    private static readonly Option<string?> AgentUrl = new("--agent-url") { Description = "Where the target reaches this machine, with a port that is free here. Default: an address of this machine only.", HelpName = "url" };
    private static readonly Option<double> MaxP95 = new("--max-latency") { Description = "Most milliseconds that 95 % of each call may take.", DefaultValueFactory = _ => 120, HelpName = "ms" };
    private static readonly Option<double> MaxErrors = new("--max-errors") { Description = "Most requests that may fail, as a part of all.", DefaultValueFactory = _ => 0.01, HelpName = "part" };
    private static readonly Option<string?> Report = new("--report") { Description = "A folder for orchestrator-load.md and orchestrator-load.json.", HelpName = "folder" };

    public static Command Create()
    {
        var orchestrator = new Command("orchestrator", "Load the Agent Bridge: register, heartbeat, callback and event in turns, at a constant rate.") { Rate, Duration, WarmUp, Agents, Connections, Target, AgentUrl, MaxP95, MaxErrors, Report };
        orchestrator.Does(OrchestratorAsync);
        return new Command("load", "Make load, and say what came of it.") { orchestrator };
    }

    private static async Task<int> OrchestratorAsync(Invocation invocation)
    {
        var plan = new LoadPlan(
            Within(invocation.Get(Rate), 0.1, 100_000, "--rps"),
            Durations.Parse(invocation.Get(Duration)!, "--duration"),
            invocation.Get(WarmUp) is "0" or "0s" ? TimeSpan.Zero : Durations.Parse(invocation.Get(WarmUp)!, "--warm-up"),
            (int)Within(invocation.Get(Agents), 1, 10_000, "--agents"),
            (int)Within(invocation.Get(Connections), 1, 4096, "--connections"));
        if (plan.Rate * (plan.Duration + plan.WarmUp).TotalSeconds is < 4 or > 50_000_000)
        {
            throw CliException.Usage("--rps and --duration come to fewer than 4 or more than 50,000,000 requests.");
        }

        Uri? target = invocation.Get(Target) is { } url ? Address(url, "--target") : null;
        Uri? reachable = invocation.Get(AgentUrl) is { } agent ? Address(agent, "--agent-url") : null;
        string? secret = Environment.GetEnvironmentVariable("SHARED_SECRET");
        if (target is not null && string.IsNullOrEmpty(secret))
        {
            throw CliException.Usage("agents sign with the secret that they share with the orchestrator: put SHARED_SECRET into the environment.");
        }

        await using LoadServer? own = target is null ? await LoadServer.StartAsync(invocation.Cancelled) : null;
        IPEndPoint listen = reachable is null ? new IPEndPoint(IPAddress.Loopback, 0) : new IPEndPoint(IPAddress.Any, reachable.Port);
        await using LoadAgents agents = await LoadAgents.StartAsync(listen, invocation.Cancelled);
        using var load = new OrchestratorLoad(plan, target ?? own!.Address, own?.Secret ?? secret!.Split(',')[0].Trim(), invocation.Token, agents, reachable ?? agents.Address);
        Terminal terminal = invocation.Terminal;
        terminal.Note(string.Create(CultureInfo.InvariantCulture, $"registering {plan.Agents} agents and dispatching the tasks that they will answer"));
        await load.PrepareAsync(invocation.Cancelled);
        terminal.Note(string.Create(CultureInfo.InvariantCulture, $"{plan.Rate:0.##} requests/s for {(plan.Duration + plan.WarmUp).TotalSeconds:0.#} s on {target ?? own!.Address}"));
        LoadReport report = await load.RunAsync(invocation.Get(MaxP95), invocation.Get(MaxErrors), own is null ? null : () => own.Cpu, invocation.Cancelled);
        await PublishAsync(report, invocation);
        return report.Passed ? ExitCode.Ok : ExitCode.Failed;
    }

    private static async Task PublishAsync(LoadReport report, Invocation invocation)
    {
        if (invocation.Get(Report) is { } folder)
        {
            Directory.CreateDirectory(folder);
            await File.WriteAllTextAsync(Path.Combine(folder, "orchestrator-load.md"), report.Markdown(), invocation.Cancelled);
            await File.WriteAllTextAsync(Path.Combine(folder, "orchestrator-load.json"), JsonSerializer.Serialize(report, CliJson.Default.LoadReport), invocation.Cancelled);
        }

        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteObject(report, CliJson.Default.LoadReport);
        }
        else
        {
            await invocation.Terminal.Out.WriteAsync(report.Markdown());
        }
    }

    private static double Within(double value, double least, double most, string option) => value >= least && value <= most
        ? value
        : throw CliException.Usage(string.Create(CultureInfo.InvariantCulture, $"{option} is {value}: give a number from {least} to {most}."));

    private static Uri Address(string text, string option) => Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https"
        ? uri
        : throw CliException.Usage($"{option} is '{text}': give an address such as http://127.0.0.1:8000.");
}
