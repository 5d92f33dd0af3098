using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using AgentFlow.Cli.Access;
using AgentFlow.Cli.Agents;
using AgentFlow.Cli.Alerts;
using AgentFlow.Cli.Audit;
using AgentFlow.Cli.Bridge;
using AgentFlow.Cli.Chaos;
using AgentFlow.Cli.Clusters;
using AgentFlow.Cli.Config;
using AgentFlow.Cli.Contracts;
using AgentFlow.Cli.Coordination;
using AgentFlow.Cli.Execution;
using AgentFlow.Cli.Expressions;
using AgentFlow.Cli.Farm;
using AgentFlow.Cli.HumanTasks;
using AgentFlow.Cli.Json;
using AgentFlow.Cli.Load;
using AgentFlow.Cli.Logins;
using AgentFlow.Cli.Runs;
using AgentFlow.Cli.Scenarios;
using AgentFlow.Cli.Schedules;
using AgentFlow.Cli.Secrets;
using AgentFlow.Cli.Servers;
using AgentFlow.Cli.Simulations;
using AgentFlow.Cli.Templates;
using AgentFlow.Cli.Tools;
using AgentFlow.Cli.Workflows;

namespace AgentFlow.Cli;

/// <summary>The tree of verbs.</summary>
internal static class AfCommand
{
    public static RootCommand Create()
    {
        var root = new RootCommand("AgentFlow: runs fleets of AI agents durably.")
        {
            DemoCommand.Create(),
            InitCommand.Create(),
            ValidateCommand.Create(),
            GraphCommand.Create(),
            TestCommand.Create(),
            RunCommand.Create(),
            RunsCommand.Create(),
            TasksCommand.Create(),
            ApprovalsCommand.Create(),
            SchedulesCommand.Create(),
            SemaphoresCommand.Create(),
            BarriersCommand.Create(),
            AgentsCommand.Create(),
            AlertsCommand.Create(),
            AuditCommand.Create(),
            ConfigCommand.Create(),
            SecretsCommand.Create(),
            BridgeCommand.Create(),
            ServeCommand.Create(),
            WorkerCommand.Create(),
            ClusterCommand.Create(),
            DevCommand.Create(),
            ToolsCommand.Create(),
            UsersCommand.Create(),
            RolesCommand.Create(),
            KeysCommand.Create(),
            TenantsCommand.Create(),
            LoginCommand.Create(),
            LogoutCommand.Create(),
            WhoAmICommand.Create(),
            ContractsCommand.Create(),
            ExprCommand.Create(),
            JsonCommand.Create(),
            LoadCommand.Create(),
            SimCommand.Create(),
            SimulateCommand.Create(),
            ChaosCommand.Create(),
            FarmCommand.Create(),
            VersionCommand.Create(),
            GlobalOptions.Output,
            GlobalOptions.Server,
            GlobalOptions.Tenant,
            GlobalOptions.Token,
            GlobalOptions.NoColor,
        };
        root.SetAction(parsed => new HelpAction().Invoke(parsed));
        return root;
    }

    /// <summary>Says what is wrong with a command line, and which word was probably meant.</summary>
    public static int Explain(ParseResult parsed, TextWriter error)
    {
        if (parsed.Action is ParseErrorAction action)
        {
            action.ShowHelp = false;
            action.ShowTypoCorrections = true;
        }

        using var text = new StringWriter();
        parsed.Invoke(new InvocationConfiguration { Output = text, Error = text });
        error.WriteLine($"{text.ToString().TrimEnd()}{Environment.NewLine}See: {string.Join(' ', Path(parsed))} --help");
        return ExitCode.Usage;
    }

    private static IEnumerable<string> Path(ParseResult parsed)
    {
        var names = new Stack<string>();
        for (System.CommandLine.Parsing.SymbolResult? at = parsed.CommandResult; at is System.CommandLine.Parsing.CommandResult command; at = at.Parent)
        {
            names.Push(command.Command is RootCommand ? "af" : command.Command.Name);
        }

        return names;
    }
}
