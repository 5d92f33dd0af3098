using System.CommandLine;
using AgentFlow.Farm.Parameters;
using AgentFlow.Farm.Platform;

namespace AgentFlow.Cli.Farm;

/// <summary>An option that takes what a parameter of FARM's takes, and says the same about what it does not take.</summary>
internal sealed class FarmOption<T>(Parameter<T> parameter, string description)
{
    public Option<string?> Option { get; } = new("--" + parameter.Name.Replace('_', '-'))
    {
        Description = $"{description} It takes {parameter.Accepts}.",
        HelpName = "value",
    };

    /// <exception cref="CliException">The value is none of those.</exception>
    public T Read(Invocation invocation) =>
        parameter.TryRead(invocation.Get(Option), out T value, out string? problem) ? value : throw CliException.Usage($"--{problem.Replace(parameter.Name, parameter.Name.Replace('_', '-'), StringComparison.Ordinal)}");
}

/// <summary>Options that several of FARM's verbs take.</summary>
internal static class FarmOptions
{
    public const string DefaultHistory = ".af/farm.db";

    public static FarmOption<long> Seed { get; } = new(FarmParameters.Seed, "What everything follows from.");

    public static FarmOption<string?> Scale { get; } = new(FarmParameters.Scale, "How many agents: 10, 50 or 100.");

    public static FarmOption<long> WorkflowCount { get; } = new(FarmParameters.WorkflowCount, "How many workflows.");

    public static FarmOption<double> ScenarioChaos { get; } = new(FarmParameters.ScenarioChaos, "The probability that a task is struck.");

    public static FarmOption<double> StreamChaos { get; } = new(FarmParameters.BatchChaos, "The probability that a task is struck.");

    public static FarmOption<double> WorkflowChaos { get; } = new(FarmParameters.WorkflowChaos, "The probability that a task is struck.");

    public static Option<string> History { get; } = new("--history")
    {
        Description = $"The SQLite file that keeps the stress tests. Default: {DefaultHistory}.",
        DefaultValueFactory = _ => DefaultHistory,
        HelpName = "file",
    };

    /// <exception cref="CliException">What is named is no platform's address.</exception>
    public static Target Target(Invocation invocation, string address) =>
        AgentFlow.Farm.Platform.Target.TryParse(address, invocation.Tenant, out Target? target, out string? problem)
            ? target with { Token = invocation.Token }
            : throw CliException.Usage(problem.Replace("target_url", "--target", StringComparison.Ordinal).Replace("tenant_id", "--tenant", StringComparison.Ordinal));
}
