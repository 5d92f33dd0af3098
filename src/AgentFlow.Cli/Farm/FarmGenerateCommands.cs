using System.CommandLine;
using System.Text;
using AgentFlow.Farm;
using AgentFlow.Farm.Generation;
using AgentFlow.Farm.Parameters;

namespace AgentFlow.Cli.Farm;

/// <summary><c>af farm fleet</c>, <c>workflow</c> and <c>scenario</c>: print what FARM generates, byte for byte as its server answers.</summary>
internal static class FarmGenerateCommands
{
    private static readonly FarmOption<string?> Type = new(FarmParameters.WorkflowType, "The shape.");
    private static readonly FarmOption<long> Tasks = new(FarmParameters.Tasks, "How many tasks.");

    public static Command Fleet() => Verb("fleet", "Print a fleet of agents.", i => FarmJson.Canonical(FleetGenerator.Fleet(Scale.Named(FarmOptions.Scale.Read(i)!), FarmOptions.Seed.Read(i))), FarmOptions.Scale.Option, FarmOptions.Seed.Option);

    public static Command Workflow() => Verb(
        "workflow",
        "Print a workflow with what is expected of it.",
        i => FarmJson.Canonical(WorkflowGenerator.Single(Type.Read(i), (int)Tasks.Read(i), FarmOptions.WorkflowChaos.Read(i), FarmOptions.Seed.Read(i))),
        Type.Option,
        Tasks.Option,
        FarmOptions.WorkflowChaos.Option,
        FarmOptions.Seed.Option);

    public static Command Scenario() => Verb(
        "scenario",
        "Print a scenario: a fleet, workflows for it, and what is expected of them.",
        i => FarmJson.Canonical(ScenarioGenerator.Generate(Scale.Named(FarmOptions.Scale.Read(i)!), (int)FarmOptions.WorkflowCount.Read(i), FarmOptions.ScenarioChaos.Read(i), FarmOptions.Seed.Read(i))),
        FarmOptions.Scale.Option,
        FarmOptions.WorkflowCount.Option,
        FarmOptions.ScenarioChaos.Option,
        FarmOptions.Seed.Option);

    private static Command Verb(string name, string description, Func<Invocation, byte[]> generate, params Option[] options)
    {
        var command = new Command(name, description);
        Array.ForEach(options, command.Add);
        command.Does(invocation =>
        {
            // JSON in either format: it is what a platform takes.
            invocation.Terminal.Out.WriteLine(Encoding.UTF8.GetString(generate(invocation)));
            return Task.FromResult(ExitCode.Ok);
        });
        return command;
    }
}
