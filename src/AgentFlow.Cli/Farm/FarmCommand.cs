using System.CommandLine;

namespace AgentFlow.Cli.Farm;

/// <summary><c>af farm</c>: the stress-test oracle, as a server and from the command line.</summary>
internal static class FarmCommand
{
    public static Command Create() => new("farm", "Stress-test a platform: generate fleets, workflows and chaos, push them, judge the answer.")
    {
        FarmServeCommand.Create(),
        FarmGenerateCommands.Fleet(),
        FarmGenerateCommands.Workflow(),
        FarmGenerateCommands.Scenario(),
        FarmStreamCommand.Create(),
        FarmRunCommand.Create(),
    };
}
