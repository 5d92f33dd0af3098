using System.CommandLine;
using System.Text.Json;
using AgentFlow.Cli.Execution;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.Runs;

/// <summary><c>af runs</c>: what became of runs, and what to do about them.</summary>
internal static class RunsCommand
{
    private const int PageSize = 500;
    private static readonly TimeSpan CancelWait = TimeSpan.FromSeconds(10);

    private static readonly Argument<string> RunId = new("run") { Description = "The run's id." };
    private static readonly Argument<string> SignalName = new("name") { Description = "The signal that the run waits for." };
    private static readonly Option<string?> Workflow = new("--workflow") { Description = "Only runs of this workflow.", HelpName = "name" };
    private static readonly Option<string?> Status = new("--status") { Description = "Only runs in this status, for example failed.", HelpName = "status" };
    private static readonly Option<int> Limit = new("--limit") { Description = "Most runs to list.", DefaultValueFactory = _ => 50, HelpName = "n" };
    private static readonly Option<long> From = new("--from") { Description = "The first event to give, by its sequence.", HelpName = "seq" };
    private static readonly Option<string?> Reason = new("--reason") { Description = "Why, for the run's journal.", HelpName = "text" };
    private static readonly Option<string?> Payload = new("--payload") { Description = "What the signal carries, as JSON.", HelpName = "json" };
    private static readonly Argument<string> Step = new("step") { Description = "The step's id, as af runs saga and af runs show -o json give it." };
    private static readonly Argument<string> Resolution = new("resolution") { Description = "retry: it did not happen or may be repeated; succeed: it happened; fail: it failed." };
    private static readonly Option<string?> Result = new("--result") { Description = "With succeed: the step's output, as JSON.", HelpName = "json" };
    private static readonly Option<string> ChangesFile = new("--file") { Description = "The YAML file with the changes.", HelpName = "path", Required = true };
    private static readonly Option<int?> Revision = new("--revision") { Description = "The revision of the plan that the changes were made for.", HelpName = "n" };
    private static readonly Option<string?> SignalId = new("--id") { Description = "Sending the same id again delivers nothing twice.", HelpName = "text" };

    public static Command Create() => new("runs", "List, inspect and steer runs.")
    {
        Verb("list", "List runs, newest first.", ListAsync, [Workflow, Status, Limit]),
        Verb("show", "Print one run with its steps and output.", ShowAsync, [], RunId),
        Verb("events", "Print the journal of a run.", EventsAsync, [From], RunId),
        Verb("watch", "Follow a run's journal live until the run ends.", WatchAsync, [From], RunId),
        Verb("cancel", "Ask a run to stop and wait until it has.", CancelAsync, [Reason], RunId),
        Verb("pause", "Hold a run: no new step of it starts.", PauseAsync, [], RunId),
        Verb("resume", "Let a paused run go on.", ResumeAsync, [], RunId),
        Verb("signal", "Deliver a signal to a run.", SignalAsync, [Payload, SignalId], RunId, SignalName),
        Verb("explain", "Say why a run took its way: each decision with the conditions it asked.", ExplainAsync, [], RunId),
        Verb("saga", "Print what a run has done that can be undone, and what of it is.", SagaAsync, [], RunId),
        Verb("resolve", "Say what became of a step that is asked.", ResolveAsync, [Result], RunId, Step, Resolution),
        Verb("modify", "Change what a run has not done yet of its plan.", ModifyAsync, [ChangesFile, Reason, Revision], RunId),
        Verb("migrate", "Move a run to another process.", MigrateAsync, [], RunId),
    };

    private static Command Verb(string name, string description, Func<Invocation, Task<int>> work, Option[] options, params Argument[] arguments)
    {
        var command = new Command(name, description);
        Array.ForEach(arguments, command.Add);
        Array.ForEach(options, command.Add);
        command.Does(work);
        return command;
    }

    private static async Task<int> ListAsync(Invocation invocation)
    {
        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        int limit = Math.Max(1, invocation.Get(Limit));
        var query = new RunQuery { Workflow = invocation.Get(Workflow), Status = invocation.Get(Status), Size = Math.Min(limit, PageSize) };
        var runs = new List<Run>();
        long total;
        do
        {
            Page<Run> page = await connection.Client.ListRunsAsync(query, invocation.Cancelled);
            runs.AddRange(page.Items.Take(limit - runs.Count));
            query = query with { Cursor = page.NextCursor };
            total = page.TotalCount ?? runs.Count;
        }
        while (query.Cursor is not null && runs.Count < limit);

        RunView.List(invocation.Terminal, runs, total);
        return ExitCode.Ok;
    }

    private static async Task<int> ShowAsync(Invocation invocation)
    {
        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        RunView.Show(invocation.Terminal, await connection.Client.GetRunAsync(invocation.Get(RunId)!, invocation.Cancelled));
        return ExitCode.Ok;
    }

    private static async Task<int> ExplainAsync(Invocation invocation)
    {
        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        RunView.Explanation(invocation.Terminal, await connection.Client.ExplainAsync(invocation.Get(RunId)!, invocation.Cancelled));
        return ExitCode.Ok;
    }

    private static async Task<int> SagaAsync(Invocation invocation)
    {
        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        RunView.Saga(invocation.Terminal, await connection.Client.GetSagaAsync(invocation.Get(RunId)!, invocation.Cancelled));
        return ExitCode.Ok;
    }

    private static async Task<int> ResolveAsync(Invocation invocation)
    {
        string id = invocation.Get(RunId)!;
        JsonElement? output = ParseJson("--result", invocation.Get(Result));
        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        await connection.Client.ResolveAsync(id, invocation.Get(Step)!, invocation.Get(Resolution)!, output, invocation.Cancelled);
        invocation.Terminal.Note($"the run goes on. Follow it with: {connection.CommandLine($"runs watch {id}")}");
        return ExitCode.Ok;
    }

    private static async Task<int> EventsAsync(Invocation invocation)
    {
        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        long? from = invocation.Get(From);
        while (from is { } next)
        {
            Page<RunEvent> page = await connection.Client.ListEventsAsync(invocation.Get(RunId)!, next, PageSize, invocation.Cancelled);
            foreach (RunEvent happened in page.Items)
            {
                RunView.Event(invocation.Terminal, happened);
            }

            from = page.NextCursor is null ? null : page.Items[^1].Seq + 1;
        }

        return ExitCode.Ok;
    }

    private static async Task<int> WatchAsync(Invocation invocation)
    {
        string id = invocation.Get(RunId)!;
        await using Connection connection = await Connection.OpenAsync(invocation);
        try
        {
            await foreach (RunEvent happened in connection.Client.StreamAsync(id, invocation.Get(From), invocation.Cancelled))
            {
                RunView.Event(invocation.Terminal, happened);
            }
        }
        catch (OperationCanceledException)
        {
            Interruption.Explain(invocation.Terminal, connection, [id]);
            throw;
        }

        return RunExit.CodeOf(await connection.Client.GetRunAsync(id, invocation.Cancelled));
    }

    private static async Task<int> CancelAsync(Invocation invocation)
    {
        string id = invocation.Get(RunId)!;
        await using Connection connection = await Connection.OpenAsync(invocation);
        await connection.Client.CancelAsync(id, invocation.Get(Reason), invocation.Cancelled);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(invocation.Cancelled);
        patience.CancelAfter(CancelWait);
        Run run;
        try
        {
            run = await connection.Client.WaitAsync(id, patience.Token);
        }
        catch (OperationCanceledException) when (!invocation.Cancelled.IsCancellationRequested)
        {
            invocation.Terminal.Note($"{id} is still closing: a step is in flight. Follow with: {connection.CommandLine($"runs watch {id}")}");
            run = await connection.Client.GetRunAsync(id, invocation.Cancelled);
        }

        Answer(invocation.Terminal, run);
        return ExitCode.Ok;
    }

    private static async Task<int> SignalAsync(Invocation invocation)
    {
        string id = invocation.Get(RunId)!;
        JsonElement? payload = ParseJson("--payload", invocation.Get(Payload));
        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        await connection.Client.SignalAsync(id, invocation.Get(SignalName)!, payload, invocation.Get(SignalId), invocation.Cancelled);
        Answer(invocation.Terminal, await connection.Client.GetRunAsync(id, invocation.Cancelled));
        invocation.Terminal.Note($"the signal is delivered. Follow the run with: {connection.CommandLine($"runs watch {id}")}");
        return ExitCode.Ok;
    }

    private static async Task<int> ModifyAsync(Invocation invocation)
    {
        string id = invocation.Get(RunId)!;
        string path = invocation.Get(ChangesFile)!;
        string changes;
        try
        {
            changes = await File.ReadAllTextAsync(path, invocation.Cancelled);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Usage($"'{path}' cannot be read: {e.Message}");
        }

        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        bool applied = await connection.Client.ModifyPlanAsync(id, changes, invocation.Get(Reason), invocation.Get(Revision), invocation.Cancelled);
        invocation.Terminal.Note(applied
            ? "the run goes on with the changed plan."
            : $"the changes are accepted; the run decides when it takes them: {connection.CommandLine($"runs events {id}")}");
        return ExitCode.Ok;
    }

    private static Task<int> PauseAsync(Invocation invocation) =>
        TellAsync(invocation, (client, run) => client.PauseAsync(run, invocation.Cancelled), "no new step of it starts until it is resumed; those in flight finish.");

    private static Task<int> ResumeAsync(Invocation invocation) =>
        TellAsync(invocation, (client, run) => client.ResumeAsync(run, invocation.Cancelled), "it goes on where it was paused.");

    private static Task<int> MigrateAsync(Invocation invocation) =>
        TellAsync(invocation, (client, run) => client.MigrateAsync(run, invocation.Cancelled), "it leaves its process once none of its steps is in flight.");

    /// <summary>Tells a run something that it takes when it comes to it.</summary>
    private static async Task<int> TellAsync(Invocation invocation, Func<AgentFlowClient, string, Task> tell, string note)
    {
        string id = invocation.Get(RunId)!;
        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        await tell(connection.Client, id);
        Answer(invocation.Terminal, await connection.Client.GetRunAsync(id, invocation.Cancelled));
        invocation.Terminal.Note(note);
        return ExitCode.Ok;
    }

    private static JsonElement? ParseJson(string option, string? json)
    {
        try
        {
            return json is null ? null : JsonElement.Parse(json);
        }
        catch (JsonException e)
        {
            throw CliException.Usage($"{option} is not JSON: {e.Message} A text needs its quotes: '\"yes\"'.");
        }
    }

    private static void Answer(Terminal terminal, Run run)
    {
        if (terminal.IsJson)
        {
            terminal.WriteObject(run, CliJson.Default.Run);
        }
        else
        {
            terminal.Say($"{run.Id} {run.Status}", RowText.ToneOf(run.Status));
        }
    }
}
