using System.CommandLine;
using System.Globalization;
using AgentFlow.Cli.Terminals;
using AgentFlow.Farm;
using AgentFlow.Farm.Generation;
using AgentFlow.Farm.History;
using AgentFlow.Farm.Parameters;
using AgentFlow.Farm.Platform;
using AgentFlow.Farm.StressTests;

namespace AgentFlow.Cli.Farm;

/// <summary><c>af farm run</c>: one stress test of a platform, with its verdict as the exit code.</summary>
internal static class FarmRunCommand
{
    private static readonly Option<string> Target = new("--target") { Description = "The platform to test, for example http://127.0.0.1:8000.", Required = true, HelpName = "url" };
    private static readonly FarmOption<long> TimeoutSeconds = new(FarmParameters.Timeout, "Seconds until the test is given up.");
    private static readonly FarmOption<string?> Events = new(FarmParameters.Events, "How the platform's events are followed.");

    public static Command Create()
    {
        var command = new Command("run", "Stress-test a platform; ends with 0, 5 or 1 when it passed, is degraded or failed.")
        {
            Target,
            FarmOptions.Scale.Option,
            FarmOptions.WorkflowCount.Option,
            FarmOptions.ScenarioChaos.Option,
            FarmOptions.Seed.Option,
            TimeoutSeconds.Option,
            Events.Option,
            FarmOptions.History,
        };
        command.Does(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation)
    {
        var request = new StressTestRequest(
            FarmOptions.Target(invocation, invocation.Get(Target)!),
            Scale.Named(FarmOptions.Scale.Read(invocation)!),
            (int)FarmOptions.WorkflowCount.Read(invocation),
            FarmOptions.ScenarioChaos.Read(invocation),
            FarmOptions.Seed.Read(invocation),
            TimeSpan.FromSeconds(TimeoutSeconds.Read(invocation)),
            EventTransports.Named(Events.Read(invocation)!));
        StressTestRun run;
        try
        {
            run = await TestAsync(invocation, request);
        }
        catch (HistoryException e)
        {
            throw CliException.Unreachable(e.Message);
        }

        invocation.Cancelled.ThrowIfCancellationRequested();
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteObject(run, FarmJson.Default.StressTestRun);
        }
        else
        {
            StressTestText.Print(invocation.Terminal, run);
        }

        return Exit(run);
    }

    private static async Task<StressTestRun> TestAsync(Invocation invocation, StressTestRequest request)
    {
        using var history = new RunHistory(invocation.Get(FarmOptions.History)!, TimeProvider.System);
        await using var bench = new TestBench(history, new StressTestOptions(), TimeProvider.System);
        // Stopping the bench ends its test, on record as stopped.
        await using CancellationTokenRegistration stopping = invocation.Cancelled.Register(() => _ = bench.StopAsync());
        return await FarmProgress.ShowAsync(invocation.Terminal, "handing over the fleet", tell =>
            bench.TryStart(request, progress => tell(progress.Ended, progress.Workflows, Line(progress)))!.Value.Ended);
    }

    private static string Line(StressTestProgress progress)
    {
        string phase = progress.Phase switch
        {
            "fleet" => "handing over the fleet",
            "scenario" => "handing over the scenario",
            "judging" => "judging the result",
            _ => $"{progress.Ended} of {progress.Workflows} workflows ended"
                + (progress.Active is { } active ? $", {active} active" : "")
                + (progress.ChaosStruck > 0 ? string.Create(CultureInfo.InvariantCulture, $", {progress.ChaosRecovered} of {progress.ChaosStruck} faults recovered") : "")
                + (progress.Events > 0 ? $", {progress.Events} events" : ""),
        };
        return progress.Note is { } note ? $"{phase}; {Excerpt.Of(note, 160)}" : phase;
    }

    private static int Exit(StressTestRun run) => run switch
    {
        { Outcome: StressTestOutcome.Passed } => ExitCode.Ok,
        { Outcome: StressTestOutcome.Degraded } => ExitCode.Degraded,
        { Validation: null } => ExitCode.Unreachable,
        _ => ExitCode.Failed,
    };
}
