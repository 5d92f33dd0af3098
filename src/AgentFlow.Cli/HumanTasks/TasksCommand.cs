using System.CommandLine;
using System.Text.Json;
using AgentFlow.Cli.Access;
using AgentFlow.Cli.Servers;
using AgentFlow.Client;

namespace AgentFlow.Cli.HumanTasks;

/// <summary><c>af tasks</c>: what runs wait for people to do.</summary>
internal static class TasksCommand
{
    private static readonly Argument<string> Id = new("task") { Description = "The task's id." };
    private static readonly Option<string> Status = new("--status") { Description = "created, claimed, escalated, completed, expired, cancelled, or pending: all that wait.", HelpName = "word", DefaultValueFactory = _ => "pending" };
    private static readonly Option<string> Answer = new("--answer") { Description = "What the task's form asks for, as JSON.", HelpName = "json", Required = true };

    public static Command Create() => new("tasks", "Do what runs wait for people to do.")
    {
        ConnectedVerb.Create("list", "List tasks, newest first.", (invocation, connection) => HumanTaskText.ListAsync(invocation, connection, approvals: false, invocation.Get(Status)!), [], Status),
        ConnectedVerb.Create("show", "Print one task with its data and the form of its answer.", ShowAsync, [Id]),
        ConnectedVerb.Create("claim", "Say that you work on a task.", ClaimAsync, [Id]),
        ConnectedVerb.Create("complete", "Answer a task.", CompleteAsync, [Id], Answer),
    };

    private static async Task<int> ShowAsync(Invocation invocation, Connection connection)
    {
        HumanTaskText.Show(invocation.Terminal, await connection.Client.GetHumanTaskAsync(invocation.Get(Id)!, invocation.Cancelled));
        return ExitCode.Ok;
    }

    private static async Task<int> ClaimAsync(Invocation invocation, Connection connection)
    {
        HumanTaskText.Changed(invocation.Terminal, await connection.Client.ClaimHumanTaskAsync(invocation.Get(Id)!, invocation.Cancelled));
        return ExitCode.Ok;
    }

    private static async Task<int> CompleteAsync(Invocation invocation, Connection connection)
    {
        JsonElement answer;
        try
        {
            answer = JsonElement.Parse(invocation.Get(Answer)!);
        }
        catch (JsonException e)
        {
            throw CliException.Usage($"--answer is not JSON: {e.Message} A text needs its quotes: '\"yes\"'.");
        }

        HumanTask task = await connection.Client.CompleteHumanTaskAsync(invocation.Get(Id)!, answer, invocation.Cancelled);
        HumanTaskText.Changed(invocation.Terminal, task);
        invocation.Terminal.Note($"the run goes on. Follow it with: {connection.CommandLine($"runs watch {task.RunId}")}");
        return ExitCode.Ok;
    }
}

/// <summary><c>af approvals</c>: calls that wait for somebody's yes.</summary>
internal static class ApprovalsCommand
{
    private static readonly Argument<string> Id = new("approval") { Description = "The approval's id." };
    private static readonly Option<string> Status = new("--status") { Description = "created, claimed, escalated, completed, expired, cancelled, or pending: all that wait.", HelpName = "word", DefaultValueFactory = _ => "pending" };
    private static readonly Option<string?> Reason = new("--reason") { Description = "Why, for the run's journal and the audit.", HelpName = "text" };

    public static Command Create() => new("approvals", "Decide about calls that wait for an approval.")
    {
        ConnectedVerb.Create("list", "List approvals, newest first.", (invocation, connection) => HumanTaskText.ListAsync(invocation, connection, approvals: true, invocation.Get(Status)!), [], Status),
        ConnectedVerb.Create("approve", "Let the call be made.", (invocation, connection) => DecideAsync(invocation, connection, granted: true), [Id], Reason),
        ConnectedVerb.Create("deny", "Do not let the call be made.", (invocation, connection) => DecideAsync(invocation, connection, granted: false), [Id], Reason),
    };

    private static async Task<int> DecideAsync(Invocation invocation, Connection connection, bool granted)
    {
        HumanTask task = await connection.Client.DecideApprovalAsync(invocation.Get(Id)!, granted, invocation.Get(Reason), invocation.Cancelled);
        HumanTaskText.Changed(invocation.Terminal, task);
        invocation.Terminal.Note($"the run goes on. Follow it with: {connection.CommandLine($"runs watch {task.RunId}")}");
        return ExitCode.Ok;
    }
}
