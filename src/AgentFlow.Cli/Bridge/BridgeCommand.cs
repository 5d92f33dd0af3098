using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using AgentFlow.Cli.Access;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.Bridge;

/// <summary><c>af bridge</c>: remote agents, their tasks, dead letters and events.</summary>
internal static class BridgeCommand
{
    private const int PageSize = 500;

    private static readonly Argument<string> Action = new("action") { Description = "What is to be done, as the agent's capabilities have it." };
    private static readonly Argument<string> Id = new("id") { Description = "The task's id." };
    private static readonly Argument<string> Subscription = new("id") { Description = "The subscription's id." };
    private static readonly Argument<string> Url = new("url") { Description = "Where events are posted to." };
    private static readonly Option<string> Payload = new("--payload", "-p") { Description = "What the agent gets, as JSON; - reads it from standard input.", HelpName = "json", DefaultValueFactory = _ => "{}" };
    private static readonly Option<string?> Agent = new("--agent") { Description = "The only agent that may do it, or whose tasks are listed.", HelpName = "id" };
    private static readonly Option<string?> By = new("--by") { Description = "On whose behalf. Default: you.", HelpName = "name" };
    private static readonly Option<int?> Priority = new("--priority") { Description = "1 (highest) to 10.", HelpName = "n" };
    private static readonly Option<long?> Timeout = new("--timeout-ms") { Description = "Milliseconds from the dispatch to the last callback.", HelpName = "n" };
    private static readonly Option<int?> Retry = new("--retry") { Description = "Tries after the first one.", HelpName = "n" };
    private static readonly Option<string?> Key = new("--key") { Description = "The same key gives the same task.", HelpName = "text" };
    private static readonly Option<string?> Status = new("--status") { Description = "Only tasks in this state.", HelpName = "word" };
    private static readonly Option<string?> OfAction = new("--action") { Description = "Only tasks of this action.", HelpName = "name" };
    private static readonly Option<int> Limit = new("--limit") { Description = "Most tasks to list.", DefaultValueFactory = _ => 50, HelpName = "n" };
    private static readonly Option<string> Secret = new("--secret") { Description = "The reference of the secret that signs what is sent, such as secret://hooks.", HelpName = "reference", Required = true };
    private static readonly Option<string[]> Types = new("--type") { Description = "Only events of this type, or that begin so (doc.*); can be repeated.", HelpName = "pattern", DefaultValueFactory = _ => [] };
    private static readonly Option<string[]> Sources = new("--source") { Description = "Only events from this source, likewise.", HelpName = "pattern", DefaultValueFactory = _ => [] };

    public static Command Create() => new("bridge", "Work with remote agents (the Agent Bridge).")
    {
        ConnectedVerb.Create("agents", "List the remote agents and how they are.", AgentsAsync, []),
        ConnectedVerb.Create("dispatch", "Give a task to a remote agent.", DispatchAsync, [Action], Payload, Agent, By, Priority, Timeout, Retry, Key),
        new Command("tasks", "Look at tasks.")
        {
            ConnectedVerb.Create("list", "List tasks, newest first.", (i, c) => TasksAsync(i, c, dead: false), [], Status, Agent, OfAction, Limit),
            ConnectedVerb.Create("show", "Show a task with its history.", ShowAsync, [Id]),
        },
        new Command("dead-letters", "Look at tasks that nobody did, and dispatch them again.")
        {
            ConnectedVerb.Create("list", "List dead letters, newest first.", (i, c) => TasksAsync(i, c, dead: true), [], Agent, OfAction, Limit),
            ConnectedVerb.Create("replay", "Dispatch a dead letter again, once.", ReplayAsync, [Id], Agent),
        },
        new Command("subscriptions", "Have events of remote agents posted to an address.")
        {
            ConnectedVerb.Create("list", "List subscriptions and how far they are.", SubscriptionsAsync, []),
            ConnectedVerb.Create("add", "Have events posted to an address.", SubscribeAsync, [Url], Secret, Types, Sources),
            ConnectedVerb.Create("resume", "Try a suspended subscription again.", ResumeAsync, [Subscription]),
            ConnectedVerb.Create("remove", "Remove a subscription.", RemoveAsync, [Subscription]),
        },
    };

    private static async Task<int> AgentsAsync(Invocation invocation, Connection connection)
    {
        IReadOnlyList<RemoteAgent> agents = await connection.Client.ListRemoteAgentsAsync(invocation.Cancelled);
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteArray([.. agents], CliJson.Default.RemoteAgent);
            return ExitCode.Ok;
        }

        var table = new TableView(invocation.Terminal, new TableColumn("Agent", IsFixed: true), new TableColumn("Name"), new TableColumn("Status", IsFixed: true), new TableColumn("Last seen", IsFixed: true), new TableColumn("Capabilities", IsFixed: true));
        foreach (RemoteAgent agent in agents)
        {
            Tone tone = agent.Status switch { "online" => Tone.Good, "degraded" => Tone.Warning, _ => Tone.Bad };
            table.Add(agent.AgentId, agent.Name, new TableCell(agent.Status, tone), Listing.Time(agent.LastSeen), agent.CapabilitiesCount.ToString(CultureInfo.InvariantCulture));
        }

        table.Print();
        return ExitCode.Ok;
    }

    private static async Task<int> DispatchAsync(Invocation invocation, Connection connection)
    {
        string text = invocation.Get(Payload)! is "-" ? await Console.In.ReadToEndAsync(invocation.Cancelled) : invocation.Get(Payload)!;
        JsonElement payload;
        try
        {
            payload = JsonElement.Parse(text);
        }
        catch (JsonException e)
        {
            throw CliException.Usage($"--payload is no JSON: {e.Message}");
        }

        var resources = new TaskResources(invocation.Get(Priority), invocation.Get(Timeout), invocation.Get(Retry));
        var request = new TaskRequest(invocation.Get(Action)!, payload, invocation.Get(By), invocation.Get(Agent), resources == new TaskResources() ? null : resources);
        Tell(invocation, await connection.Client.DispatchTaskAsync(request, invocation.Get(Key), invocation.Cancelled));
        return ExitCode.Ok;
    }

    private static async Task<int> TasksAsync(Invocation invocation, Connection connection, bool dead)
    {
        int limit = Math.Max(1, invocation.Get(Limit));
        var tasks = new List<RemoteTask>();
        string? cursor = null;
        do
        {
            var query = new TaskQuery(dead ? null : invocation.Get(Status), invocation.Get(Agent), invocation.Get(OfAction), dead, Math.Min(limit - tasks.Count, PageSize), cursor);
            Page<RemoteTask> page = await connection.Client.ListTasksAsync(query, invocation.Cancelled);
            tasks.AddRange(page.Items);
            cursor = page.NextCursor;
        }
        while (cursor is not null && tasks.Count < limit);

        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteArray(tasks, CliJson.Default.RemoteTask);
            return ExitCode.Ok;
        }

        var table = new TableView(invocation.Terminal, new TableColumn("Task", IsFixed: true), new TableColumn("Action"), new TableColumn("Agent"), new TableColumn("Status", IsFixed: true), new TableColumn("Tries", IsFixed: true), new TableColumn("Changed", IsFixed: true));
        foreach (RemoteTask task in tasks)
        {
            table.Add(task.TaskId, task.Action, task.AgentId ?? "", new TableCell(task.Status, ToneOf(task.Status)), task.Attempts.ToString(CultureInfo.InvariantCulture), Listing.Time(task.UpdatedAt));
        }

        table.Print();
        return ExitCode.Ok;
    }

    private static async Task<int> ShowAsync(Invocation invocation, Connection connection)
    {
        RemoteTask task = await connection.Client.GetTaskAsync(invocation.Get(Id)!, invocation.Cancelled);
        Terminal terminal = invocation.Terminal;
        if (terminal.IsJson)
        {
            terminal.WriteObject(task, CliJson.Default.RemoteTask);
            return ExitCode.Ok;
        }

        terminal.Say($"{task.TaskId}  {task.Action}  {task.Status}", ToneOf(task.Status));
        terminal.Say($"agent {task.AgentId ?? "none yet"}, run {task.RunId}, for {task.RequestedBy}, {task.Attempts} {(task.Attempts == 1 ? "try" : "tries")}");
        foreach ((string name, JsonElement? value) in new[] { ("payload", task.Payload), ("result", task.Result), ("error", task.Error) })
        {
            if (value is { } json)
            {
                terminal.Say($"{name} {json.GetRawText()}");
            }
        }

        foreach ((string name, string? other) in new[] { ("replays", task.ReplayOf), ("replayed as", task.ReplayedAs) })
        {
            if (other is not null)
            {
                terminal.Say($"{name} {other}");
            }
        }

        foreach (RemoteTaskStep step in task.History ?? [])
        {
            terminal.Say($"  {step.At.UtcDateTime:yyyy-MM-dd HH:mm:ss.fff}  {step.Status,-11}  {step.AgentId}  {step.Note}", Tone.Faint);
        }

        return ExitCode.Ok;
    }

    private static async Task<int> ReplayAsync(Invocation invocation, Connection connection)
    {
        Tell(invocation, await connection.Client.ReplayDeadLetterAsync(invocation.Get(Id)!, invocation.Get(Agent), invocation.Cancelled));
        return ExitCode.Ok;
    }

    private static async Task<int> SubscriptionsAsync(Invocation invocation, Connection connection)
    {
        List<EventSubscription> all = await Listing.AllAsync((cursor, size) => connection.Client.ListSubscriptionsAsync(cursor, size, invocation.Cancelled));
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteArray(all, CliJson.Default.EventSubscription);
            return ExitCode.Ok;
        }

        var table = new TableView(invocation.Terminal, new TableColumn("Subscription", IsFixed: true), new TableColumn("Address"), new TableColumn("Types"), new TableColumn("Sources"), new TableColumn("Sent to", IsFixed: true), new TableColumn("State"));
        foreach (EventSubscription s in all)
        {
            string state = s.SuspendedAt is not null ? $"suspended: {s.Problem}" : s.Failures > 0 ? $"{s.Failures} failures: {s.Problem}" : "ok";
            table.Add(s.Id, s.Url, string.Join(", ", s.Types ?? ["*"]), string.Join(", ", s.Sources ?? ["*"]), s.Cursor.ToString(CultureInfo.InvariantCulture), new TableCell(state, s.Failures > 0 ? Tone.Warning : Tone.Good));
        }

        table.Print();
        return ExitCode.Ok;
    }

    private static async Task<int> SubscribeAsync(Invocation invocation, Connection connection)
    {
        string[]? types = invocation.Get(Types) is { Length: > 0 } t ? t : null;
        string[]? sources = invocation.Get(Sources) is { Length: > 0 } s ? s : null;
        Tell(invocation, await connection.Client.CreateSubscriptionAsync(new NewEventSubscription(invocation.Get(Url)!, invocation.Get(Secret)!, types, sources), invocation.Cancelled));
        return ExitCode.Ok;
    }

    private static async Task<int> ResumeAsync(Invocation invocation, Connection connection)
    {
        Tell(invocation, await connection.Client.ResumeSubscriptionAsync(invocation.Get(Subscription)!, invocation.Cancelled));
        return ExitCode.Ok;
    }

    private static async Task<int> RemoveAsync(Invocation invocation, Connection connection)
    {
        await connection.Client.RemoveSubscriptionAsync(invocation.Get(Subscription)!, invocation.Cancelled);
        invocation.Terminal.Note($"{invocation.Get(Subscription)} is removed");
        return ExitCode.Ok;
    }

    private static void Tell(Invocation invocation, DispatchedTask task)
    {
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteObject(task, CliJson.Default.DispatchedTask);
            return;
        }

        invocation.Terminal.Out.WriteLine(task.TaskId);
        invocation.Terminal.Note($"{task.Status}, for {task.AgentId}; run {task.RunId}");
    }

    private static void Tell(Invocation invocation, EventSubscription subscription)
    {
        if (invocation.Terminal.IsJson)
        {
            invocation.Terminal.WriteObject(subscription, CliJson.Default.EventSubscription);
            return;
        }

        invocation.Terminal.Out.WriteLine(subscription.Id);
        invocation.Terminal.Note($"events go to {subscription.Url}");
    }

    private static Tone ToneOf(string status) => status switch { "succeeded" => Tone.Good, "failed" or "timed_out" or "dead" => Tone.Bad, _ => Tone.Strong };
}
