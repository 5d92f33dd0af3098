namespace AgentFlow.Server.Configuration;

/// <summary>A setting has an impossible value; the server must not start. Lists every problem with its remedy.</summary>
public sealed class OptionsException(IReadOnlyList<string> problems)
    : Exception("The settings are not usable:" + string.Concat(problems.Select(p => $"\n  - {p}")))
{
    public IReadOnlyList<string> Problems { get; } = problems;
}
