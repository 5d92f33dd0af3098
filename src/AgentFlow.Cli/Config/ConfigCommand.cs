using System.CommandLine;
using System.Globalization;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.Config;

/// <summary><c>af config</c>: the settings that hold, who changed them, and changing them.</summary>
internal static class ConfigCommand
{
    private const int PageSize = 500;

    private static readonly Argument<string> Key = new("key") { Description = "The setting, as agentflow.yml has it." };
    private static readonly Argument<string?> Value = new("value") { Description = "Its value.", Arity = ArgumentArity.ZeroOrOne };
    private static readonly Argument<long> Version = new("version") { Description = "The version that is to hold again; 0 is the time before anything was set." };
    private static readonly Option<string?> Workflow = new("--workflow") { Description = "For this workflow alone.", HelpName = "name" };
    private static readonly Option<bool> Unset = new("--unset") { Description = "Give up what was set, instead of a value." };
    private static readonly Option<bool> Changed = new("--changed") { Description = "Only settings that are not at their default." };
    private static readonly Option<int> Limit = new("--limit") { Description = "Most versions to list.", DefaultValueFactory = _ => 20, HelpName = "n" };

    public static Command Create() => new("config", "Show and change settings.")
    {
        Verb("list", "List the settings and the values that hold.", ListAsync, [Workflow, Changed]),
        Verb("get", "Print the value of one setting.", GetAsync, [Workflow], Key),
        Verb("set", "Set a setting for the tenant or one workflow.", SetAsync, [Workflow, Unset], Key, Value),
        Verb("history", "List what was set, by whom and when, newest first.", HistoryAsync, [Limit]),
        Verb("rollback", "Make an earlier version hold again.", RollbackAsync, [], Version),
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
        Page<ConfigSetting> page = await connection.Client.ListConfigAsync(invocation.Get(Workflow), PageSize, null, invocation.Cancelled);
        ConfigSetting[] shown = [.. page.Items.Where(s => !invocation.Get(Changed) || s.Source != "default")];
        Terminal terminal = invocation.Terminal;
        if (terminal.IsJson)
        {
            terminal.WriteArray(shown, CliJson.Default.ConfigSetting);
            return ExitCode.Ok;
        }

        var table = new TableView(terminal, new TableColumn("Key", IsFixed: true), new TableColumn("Value"), new TableColumn("From", IsFixed: true), new TableColumn("Settable by", IsFixed: true), new TableColumn("Change", IsFixed: true));
        foreach (ConfigSetting setting in shown)
        {
            string change = setting.Pending is { } pending ? $"restart: {pending}" : setting.Live ? "at once" : "at restart";
            table.Add(setting.Key, setting.Value ?? "", new TableCell(setting.Source ?? "", setting.Source == "default" ? Tone.Faint : Tone.Strong), setting.Scope ?? "", new TableCell(change, setting.Pending is null ? Tone.Faint : Tone.Warning));
        }

        if (shown.Length > 0)
        {
            table.Print();
        }

        return ExitCode.Ok;
    }

    private static async Task<int> GetAsync(Invocation invocation)
    {
        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        ConfigSetting setting = await connection.Client.GetConfigAsync(invocation.Get(Key)!, invocation.Get(Workflow), invocation.Cancelled);
        Tell(invocation.Terminal, setting, setting.Value ?? "");
        return ExitCode.Ok;
    }

    private static async Task<int> SetAsync(Invocation invocation)
    {
        string? value = invocation.Get(Value);
        if (value is null != invocation.Get(Unset))
        {
            throw CliException.Usage("give either a value or --unset.");
        }

        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        ConfigSetting setting = await connection.Client.SetConfigAsync(invocation.Get(Key)!, value, invocation.Get(Workflow), invocation.Cancelled);
        Tell(invocation.Terminal, setting, $"{setting.Key} is {(setting.Value is { Length: > 0 } now ? now : "not set")} ({setting.Source}){(setting.Live ? "" : ", from the next start on")}");
        return ExitCode.Ok;
    }

    private static async Task<int> HistoryAsync(Invocation invocation)
    {
        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        int limit = Math.Max(1, invocation.Get(Limit));
        var versions = new List<ConfigVersion>();
        string? cursor = null;
        do
        {
            Page<ConfigVersion> page = await connection.Client.ListConfigHistoryAsync(Math.Min(limit, PageSize), cursor, invocation.Cancelled);
            versions.AddRange(page.Items.Take(limit - versions.Count));
            cursor = page.NextCursor;
        }
        while (cursor is not null && versions.Count < limit);

        Terminal terminal = invocation.Terminal;
        if (terminal.IsJson)
        {
            terminal.WriteArray(versions, CliJson.Default.ConfigVersion);
            return ExitCode.Ok;
        }

        foreach (ConfigVersion version in versions)
        {
            string rollback = version.RollbackTo is { } to ? string.Create(CultureInfo.InvariantCulture, $"  (back to {to})") : "";
            terminal.Say(string.Create(CultureInfo.InvariantCulture, $"{version.Version,4}  {version.At.UtcDateTime:yyyy-MM-dd HH:mm:ss}  {version.By}{rollback}"), Tone.Strong);
            foreach (ConfigChange change in version.Changes)
            {
                terminal.Say($"      {change.Key}{(change.Workflow is null ? "" : $" of {change.Workflow}")}: {change.From ?? "(not set)"} -> {change.To ?? "(not set)"}");
            }
        }

        terminal.Note($"{versions.Count} versions");
        return ExitCode.Ok;
    }

    private static async Task<int> RollbackAsync(Invocation invocation)
    {
        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        long version = await connection.Client.RollbackConfigAsync(invocation.Get(Version), invocation.Cancelled);
        invocation.Terminal.Say(string.Create(CultureInfo.InvariantCulture, $"version {version} holds what version {invocation.Get(Version)} held"), Tone.Good);
        return ExitCode.Ok;
    }

    private static void Tell(Terminal terminal, ConfigSetting setting, string line)
    {
        if (terminal.IsJson)
        {
            terminal.WriteLine(setting, CliJson.Default.ConfigSetting);
        }
        else
        {
            terminal.Say(line);
        }
    }
}
