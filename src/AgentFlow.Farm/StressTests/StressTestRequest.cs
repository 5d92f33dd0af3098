using AgentFlow.Farm.Generation;
using AgentFlow.Farm.Platform;

namespace AgentFlow.Farm.StressTests;

/// <summary>What is tested, with what, and how long to wait for it.</summary>
/// <param name="Timeout">From the start of the test to the moment it is given up.</param>
/// <param name="Events">How the platform's events are listened to.</param>
public sealed record StressTestRequest(Target Target, Scale Scale, int WorkflowCount, double ChaosRate, long Seed, TimeSpan Timeout, EventTransport Events);

/// <summary>How patient FARM is with a platform.</summary>
public sealed record StressTestOptions
{
    /// <summary>Between two questions for the result.</summary>
    public TimeSpan PollEvery { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>For one request and its whole answer.</summary>
    public TimeSpan RequestLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>For handing over the fleet, and again for the scenario, with everything that has to be tried again.</summary>
    public TimeSpan SubmissionLimit { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>For reaching a platform that refuses connections: it may just be starting.</summary>
    public TimeSpan ReachLimit { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a platform that took the scenario may give no usable answer: restarts take their time.</summary>
    public TimeSpan SilenceLimit { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How long the last events may come after the result.</summary>
    public TimeSpan EventGrace { get; init; } = TimeSpan.FromSeconds(1);
}

/// <summary>How far a test has come.</summary>
/// <param name="Phase">What FARM does: <c>fleet</c>, <c>scenario</c>, <c>running</c> or <c>judging</c>.</param>
/// <param name="Ended">Workflows that completed or failed.</param>
/// <param name="Note">What just went wrong, if something did.</param>
public sealed record StressTestProgress(string Phase, long Ended, int Workflows, long? Active, long ChaosStruck, long ChaosRecovered, long Events, string? Note);
