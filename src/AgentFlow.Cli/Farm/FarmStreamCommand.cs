using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using AgentFlow.Cli.Terminals;
using AgentFlow.Farm;
using AgentFlow.Farm.Generation;
using AgentFlow.Farm.Load;
using AgentFlow.Farm.Parameters;

namespace AgentFlow.Cli.Farm;

/// <summary><c>af farm stream</c>: workflows at a steady rate, into a platform or onto stdout.</summary>
internal static class FarmStreamCommand
{
    private static readonly Option<string?> Target = new("--target") { Description = "The platform to push the workflows to. Without it they are printed, one a line.", HelpName = "url" };
    private static readonly FarmOption<long> Rate = new(FarmParameters.LoadRate, "Workflows a second.");
    private static readonly FarmOption<TimeSpan> Duration = new(FarmParameters.LoadDuration, "For how long.");
    private static readonly FarmOption<TimeSpan> Drain = new(FarmParameters.Drain, "How long after that what the platform did not take is still offered.");
    private static readonly FarmOption<long> Connections = new(FarmParameters.Connections, "Most requests at once.");
    private static readonly FarmOption<TimeSpan> CheckFor = new(new Duration("check", TimeSpan.FromSeconds(1), TimeSpan.FromHours(24), TimeSpan.Zero), "Wait this long until every execution has ended, and count how. Default: don't.");

    public static Command Create()
    {
        var command = new Command("stream", "Push workflows to a platform at a steady rate, or print them; ends with 1 when not all were taken.")
        {
            Target,
            Rate.Option,
            Duration.Option,
            FarmOptions.StreamChaos.Option,
            FarmOptions.Seed.Option,
            Drain.Option,
            Connections.Option,
            CheckFor.Option,
        };
        command.Does(invocation => invocation.Get(Target) is { } target ? PushAsync(invocation, target) : PrintAsync(invocation));
        return command;
    }

    private static async Task<int> PushAsync(Invocation invocation, string address)
    {
        var request = new LoadRequest(
            FarmOptions.Target(invocation, address),
            (int)Rate.Read(invocation),
            Duration.Read(invocation),
            Drain.Read(invocation),
            FarmOptions.StreamChaos.Read(invocation),
            FarmOptions.Seed.Read(invocation),
            (int)Connections.Read(invocation),
            CheckFor.Read(invocation) is { Ticks: > 0 } limit ? limit : null);
        long all = (long)(request.Rate * request.Duration.TotalSeconds);
        LoadReport report = await FarmProgress.ShowAsync(invocation.Terminal, "pushing", tell => new LoadRun(request, TimeProvider.System).RunAsync(
            progress => tell(
                progress.Accepted + progress.Refused,
                all,
                $"{progress.Accepted} of {progress.Due} taken" + (progress.Busy > 0 ? $", {progress.Busy} times busy" : "") + (progress.Refused > 0 ? $", {progress.Refused} refused" : "") + (progress.Ended > 0 ? $", {progress.Ended} ended" : "")),
            invocation.Cancelled));
        Print(invocation.Terminal, report);
        return report.Interrupted ? ExitCode.Interrupted : report.IsComplete ? ExitCode.Ok : report is { Accepted: 0, Refused: 0 } ? ExitCode.Unreachable : ExitCode.Failed;
    }

    /// <summary>Workflows on stdout: a reader that is slow is waited for.</summary>
    private static async Task<int> PrintAsync(Invocation invocation)
    {
        long rate = Rate.Read(invocation);
        double chaos = FarmOptions.StreamChaos.Read(invocation);
        long seed = FarmOptions.Seed.Read(invocation);
        TimeSpan? duration = invocation.Get(Duration.Option) is null ? null : Duration.Read(invocation);
        long begin = Stopwatch.GetTimestamp();
        for (long sequence = 0; duration is not { } limit || sequence < rate * limit.TotalSeconds; sequence++)
        {
            TimeSpan wait = TimeSpan.FromSeconds((double)sequence / rate) - Stopwatch.GetElapsedTime(begin);
            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait, invocation.Cancelled);
            }

            invocation.Cancelled.ThrowIfCancellationRequested();
            await invocation.Terminal.Out.WriteLineAsync(System.Text.Encoding.UTF8.GetString(FarmJson.Canonical(WorkflowGenerator.InStream(sequence, chaos, seed))).AsMemory(), invocation.Cancelled);
        }

        return ExitCode.Ok;
    }

    private static void Print(Terminal terminal, LoadReport report)
    {
        if (terminal.IsJson)
        {
            terminal.WriteObject(report, FarmJson.Default.LoadReport);
            return;
        }

        var counts = new TableView(terminal, Number("due"), Number("taken"), Number("refused"), Number("undelivered"), Number("busy"), Number("unclear"), Number("taken/s"));
        counts.Add(Text(report.Due), new TableCell(Text(report.Accepted), report.Accepted == report.Due ? Tone.Good : Tone.Bad), Text(report.Refused), Text(report.Undelivered), Text(report.Busy), Text(report.Unclear), Text(report.AcceptedPerSecond));
        counts.Print();
        var times = new TableView(terminal, new TableColumn("milliseconds"), Number("p50"), Number("p90"), Number("p99"), Number("p99.9"), Number("max"));
        times.Add(["from due to taken", .. Texts(report.FromDueMs)]);
        times.Add(["request to answer", .. Texts(report.AnswerMs)]);
        times.Print();
        if (report.Executions is { } ends)
        {
            terminal.Say($"{ends.Completed} executions completed, {ends.Partial} in part, {ends.Failed} failed, {ends.Open} are open, {ends.Unknown} are unknown.", ends.Open + ends.Unknown == 0 ? Tone.Plain : Tone.Bad);
            terminal.Say(ends.Unexpected == 0
                ? $"All of them as the oracle expects: {ends.ExpectedCompleted} complete, and what was planted in the other {ends.Completed + ends.Partial + ends.Failed - ends.ExpectedCompleted} is beyond recovery."
                : $"{ends.Unexpected} ended otherwise than the oracle expects. {Excerpt.Of(ends.FirstUnexpected!, 300)}", ends.Unexpected == 0 ? Tone.Plain : Tone.Bad);
        }

        if ((report.FirstRefusal ?? (report.Undelivered > 0 ? report.LastProblem : null)) is { } problem)
        {
            terminal.Say(Excerpt.Of(problem, 300), Tone.Bad);
        }
    }

    private static TableColumn Number(string title) => new(title, IsNumber: true);

    private static IEnumerable<TableCell> Texts(Percentiles times) => new[] { times.P50, times.P90, times.P99, times.P999, times.Max }.Select(t => (TableCell)Text(t));

    private static string Text(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
