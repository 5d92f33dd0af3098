using System.Text.Json;
using AgentFlow.Cli.Inputs;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;
using AgentFlow.Contracts.Errors;
using Spectre.Console;

namespace AgentFlow.Cli.Execution;

/// <summary>One run, watched from its start to its end; its output is the result.</summary>
internal sealed class SingleRun(Terminal terminal, Connection connection)
{
    public async Task<int> RunAsync(Workflow workflow, FittedRow row, CancellationToken cancelled)
    {
        var request = new RunRequest(workflow.Name, JsonSerializer.SerializeToElement(row.Input, CliJson.Default.JsonObject)) { Version = workflow.Version };
        StartedRun started = await connection.Client.StartAsync(request, cancelled);
        terminal.Note($"{started.RunId} started");
        var observer = new RunObserver(connection.Client);
        Run run;
        try
        {
            run = await WatchAsync(observer, started.RunId, cancelled);
        }
        catch (Exception e) when (e is OperationCanceledException or ServerUnreachableException)
        {
            Interruption.Explain(terminal, connection, [started.RunId]);
            throw;
        }

        Show(run, observer.Result(1, row.Message, run));
        return RunExit.CodeOf(run);
    }

    /// <summary>Shows on a terminal what the run is doing while it lasts.</summary>
    private Task<Run> WatchAsync(RunObserver observer, string runId, CancellationToken cancelled)
    {
        if (!terminal.HasErrorScreen)
        {
            return observer.FollowAsync(runId, happened => NoteWaitAsync(happened, runId, cancelled), cancelled);
        }

        return terminal.ErrorScreen.Status().StartAsync("starting", status => observer.FollowAsync(
            runId,
            async happened =>
            {
                status.Status(Markup.Escape(Doing(happened) ?? status.Status));
                await NoteWaitAsync(happened, runId, cancelled);
            },
            cancelled));
    }

    private static string? Doing(RunEvent happened) => happened.Type switch
    {
        "step_started" or "node_entered" => happened.Text("node"),
        "retry_scheduled" => $"{happened.Text("node")}: trying again at {happened.Text("due")}",
        _ => null,
    };

    /// <summary>Says for what the run waits, so that nobody takes it for a hang.</summary>
    private async Task NoteWaitAsync(RunEvent happened, string runId, CancellationToken cancelled)
    {
        if (happened.Type == "approval_requested")
        {
            string what = happened.Text("path") is { Length: > 0 } step ? step : "the run";
            terminal.Note($"{what} waits for an approval: {(connection.IsEmbedded ? "stop with Ctrl-C, then " : "")}{connection.CommandLine("approvals list")}", Tone.Warning);
            return;
        }

        if (happened.Type == "step_handed_over")
        {
            await NoteTaskAsync(happened, runId, cancelled);
            return;
        }

        bool asked = happened.Type == "step_asked";
        if (!asked && (happened.Type != "node_entered" || happened.Text("kind") != "wait"))
        {
            return;
        }

        Run run = await connection.Client.GetRunAsync(runId, cancelled);
        if (asked && run.Steps.FirstOrDefault(s => s.Id == happened.Text("id")) is { Status: "asked" } open)
        {
            terminal.Note(
                $"{open.Node} waits for somebody to say what became of it: {(connection.IsEmbedded ? "stop with Ctrl-C, then " : "")}{connection.CommandLine($"runs resolve {runId} {open.Id} retry|succeed|fail")}",
                Tone.Warning);
        }
        else if (run.Steps.FirstOrDefault(s => s.Id == happened.Text("id")) is { Status: "waiting", Target: { Length: > 0 } signal } step)
        {
            // This process holds the database while it waits.
            string first = connection.IsEmbedded ? "stop with Ctrl-C, then " : "";
            terminal.Note(
                $"{step.Node} waits for the signal {signal}: {first}{connection.CommandLine($"runs signal {runId} {signal}")}, {connection.CommandLine($"runs watch {runId}")}",
                Tone.Warning);
        }
    }

    /// <summary>Says how to answer a person's task. Agents of other kinds may answer later as well, and have none.</summary>
    private async Task NoteTaskAsync(RunEvent happened, string runId, CancellationToken cancelled)
    {
        Page<HumanTask> tasks;
        try
        {
            tasks = await connection.Client.ListHumanTasksAsync("pending", cancellationToken: cancelled);
        }
        catch (AgentFlowException e) when (e.Code == ErrorCode.PermissionDenied.Code)
        {
            // Who may start a run need not be who may see its tasks.
            return;
        }

        if (tasks.Items.FirstOrDefault(t => t.RunId == runId && t.Step == happened.Text("path")) is { } task)
        {
            string stop = connection.IsEmbedded ? "stop with Ctrl-C, then " : "";
            terminal.Note($"{task.Step} waits for a person: {stop}{connection.CommandLine($"tasks complete {task.Id} --answer …")}, {connection.CommandLine($"runs watch {runId}")}", Tone.Warning);
        }
    }

    private void Show(Run run, RowResult result)
    {
        if (terminal.IsJson)
        {
            terminal.WriteObject(run, CliJson.Default.Run);
        }
        else if (run.Output is { } output)
        {
            terminal.Out.WriteLine(JsonOutput.Text(output, CliJson.Default.JsonElement, indented: true));
        }

        if (run.Error is { } error)
        {
            terminal.Note($"{error.Message} ({error.Code})", Tone.Bad);
        }

        string[] facts =
        [
            $"{run.Id} {run.Status}", run.Outcome ?? "", RowText.Path(result), result.Confidence is null ? "" : $"confidence {RowText.Confidence(result.Confidence)}",
            result.Provider ?? "", result.Ms is null ? "" : $"{RowText.Ms(result.Ms)} ms", RowText.Cost(run.CostDollars),
        ];
        terminal.Note(string.Join(" · ", facts.Where(f => f.Length > 0)), result.IsCompleted ? Tone.Faint : RowText.ToneOf(run.Status));
    }
}
