using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Access;

namespace AgentFlow.Tools;

/// <summary>What one tool may do under the policies that apply to it: their strictest combination, compiled once.</summary>
public sealed class ExecutionProfile
{
    // A response is held as bytes, as text or base64, and as the output's JSON.
    private const int CopiesOfResponse = 4;

    private readonly HostPatterns[] _hosts;

    private ExecutionProfile(TimeSpan timeLimit, long maxResponseBytes, long maxMemoryBytes, HostPatterns[] hosts)
    {
        TimeLimit = timeLimit;
        MaxResponseBytes = maxResponseBytes;
        MaxMemoryBytes = maxMemoryBytes;
        _hosts = hosts;
    }

    /// <summary>Upper bound of one attempt.</summary>
    public TimeSpan TimeLimit { get; }

    /// <summary>Upper bound of what one call may read from outside, after decompression.</summary>
    public long MaxResponseBytes { get; }

    /// <summary>Upper bound of the working memory of one call.</summary>
    public long MaxMemoryBytes { get; }

    /// <summary>Whether every policy's list of hosts admits this one.</summary>
    /// <param name="host">A lower-case ASCII name, or an address in its canonical text.</param>
    public bool Admits(string host, int port) => Array.TrueForAll(_hosts, patterns => patterns.Match(host, port));

    /// <summary>
    /// Compiles a contract under policies. The result is <see langword="null"/> when a policy withholds a permission that the
    /// contract needs; <paramref name="missing"/> names those.
    /// </summary>
    /// <exception cref="ToolConfigurationException">A policy is malformed.</exception>
    public static ExecutionProfile? Compile(ToolContract contract, IReadOnlyList<ToolPolicy> policies, out IReadOnlyList<string> missing)
    {
        List<string> problems = [];
        List<HostPatterns> hosts = [];
        TimeSpan time = TimeSpan.MaxValue;
        long response = long.MaxValue;
        long memory = long.MaxValue;
        foreach (ToolPolicy policy in policies)
        {
            problems.AddRange(policy.Permissions.Select(Grant.ToolGrantProblem).OfType<string>());
            if (policy.TimeLimit <= TimeSpan.Zero || policy.MaxResponseBytes <= 0 || policy.MaxMemoryBytes <= 0)
                problems.Add("a tool policy's time limit, response bytes and memory bytes must be above 0");
            if (policy.AllowedHosts is { } patterns)
                hosts.Add(HostPatterns.Parse(patterns, problems));
            time = policy.TimeLimit < time ? policy.TimeLimit : time;
            response = Math.Min(response, policy.MaxResponseBytes);
            memory = Math.Min(memory, policy.MaxMemoryBytes);
        }

        if (problems.Count > 0)
            throw new ToolConfigurationException(problems);

        missing = [.. contract.Permissions.Where(p => !policies.All(policy => Grant.Covers(policy.Permissions, p)))];
        // Without any policy nothing has been granted, limits included.
        return missing.Count > 0 || policies.Count == 0
            ? null
            : new ExecutionProfile(time, Math.Min(response, memory / CopiesOfResponse), memory, [.. hosts]);
    }
}
