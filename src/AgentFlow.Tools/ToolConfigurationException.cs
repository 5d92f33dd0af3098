namespace AgentFlow.Tools;

/// <summary>The host's tools, policies or network options are wrong; it must not start. Lists every problem with its remedy.</summary>
public sealed class ToolConfigurationException(IReadOnlyList<string> problems)
    : InvalidOperationException("The tools cannot be set up:" + string.Concat(problems.Select(p => $"\n  - {p}")))
{
    public IReadOnlyList<string> Problems { get; } = problems;
}
