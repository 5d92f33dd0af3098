using AgentFlow.Farm.Generation;
using AgentFlow.Farm.History;
using AgentFlow.Farm.Platform;
using AgentFlow.Farm.StressTests;

namespace AgentFlow.Farm.Tests.Support;

/// <summary>Stress tests with little patience.</summary>
internal static class Bench
{
    public static StressTestOptions Hasty { get; } = new()
    {
        PollEvery = TimeSpan.FromMilliseconds(20),
        RequestLimit = TimeSpan.FromSeconds(5),
        SubmissionLimit = TimeSpan.FromSeconds(5),
        SilenceLimit = TimeSpan.FromSeconds(10),
        EventGrace = TimeSpan.FromSeconds(10),
    };

    public static StressTestRequest Request(string url, long seed = 42, double chaos = 0.3, EventTransport events = EventTransport.Auto, string? tenant = null)
    {
        Assert.True(Target.TryParse(url, tenant, out Target? target, out _));
        return new StressTestRequest(target, Scale.Small, 5, chaos, seed, TimeSpan.FromSeconds(60), events);
    }

    public static async Task<StressTestRun> RunAsync(StressTestRequest request, StressTestOptions? options = null, Action<StressTestProgress>? progress = null)
    {
        string folder = Directory.CreateTempSubdirectory("farm-test-").FullName;
        try
        {
            using var history = new RunHistory(Path.Combine(folder, "farm.db"), TimeProvider.System);
            await using var bench = new TestBench(history, options ?? Hasty, TimeProvider.System);
            var (started, ended) = bench.TryStart(request, progress)!.Value;
            StressTestRun run = await ended.WaitAsync(TimeSpan.FromMinutes(2));
            Assert.Equal(started.RunId, run.RunId);
            Assert.Equal(run.Status, history.Find(run.RunId)!.Status);
            return run;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
