using System.Diagnostics;
using AgentFlow.Farm.History;
using AgentFlow.Farm.StressTests;

namespace AgentFlow.Farm.Tests.History;

public sealed class RunHistoryTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("farm-history-").FullName;
    private readonly TurnedClock _clock = new();

    private string File => Path.Combine(_folder, "below", "farm.db");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    internal static StressTestRun Run(string id, DateTimeOffset at) => new(id, StressTestStatus.Running, StressTestOutcome.Pending, "http://x", "t", "small", 5, 0.2, 42, "stress-42-small", at);

    [Fact]
    public void Finish_AfterAnotherOpening_IsThere()
    {
        using (var history = new RunHistory(File, _clock))
        {
            history.Start(Run("a", _clock.GetUtcNow()));
            history.Finish(Run("a", _clock.GetUtcNow()) with { Status = StressTestStatus.Completed, Outcome = StressTestOutcome.Passed, Error = "naïve ☃ \"quoted\"" });
        }

        using var again = new RunHistory(File, _clock);
        StressTestRun found = again.Find("a")!;
        Assert.Equal((StressTestStatus.Completed, StressTestOutcome.Passed, "naïve ☃ \"quoted\"", _clock.GetUtcNow()), (found.Status, found.Outcome, found.Error, found.StartedAt));
        Assert.Null(again.Find("b"));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 3)]
    [InlineData(50, 5)]
    public void List_WithALimit_GivesTheNewestFirst(int limit, int expected)
    {
        using var history = new RunHistory(File, _clock);
        foreach (string id in new[] { "a", "b", "c", "d", "e" }) history.Start(Run(id, _clock.GetUtcNow()));
        StressTestRuns listed = history.List(limit);
        Assert.Equal(new[] { "e", "d", "c", "b", "a" }.Take(expected), listed.Runs.Select(r => r.RunId));
        Assert.Equal((expected, 5L), (listed.Count, listed.TotalCount));
    }

    [Fact]
    public void Find_ATestWhoseProcessIsSilent_HasEnded()
    {
        using var history = new RunHistory(File, _clock);
        history.Start(Run("lost", _clock.GetUtcNow()));
        history.Start(Run("alive", _clock.GetUtcNow()));
        _clock.Turn(RunHistory.Silence);
        Assert.Equal(StressTestStatus.Running, history.Find("lost")!.Status);
        history.Beat("alive");
        _clock.Turn(TimeSpan.FromSeconds(1));
        Assert.Equal((StressTestStatus.ExecutionError, StressTestOutcome.Failed), (history.Find("lost")!.Status, history.Find("lost")!.Outcome));
        Assert.Equal(StressTestStatus.Running, history.Find("alive")!.Status);
    }

    [Fact]
    public void Open_AFileThatIsSomethingElse_SaysSo()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(File)!);
        System.IO.File.WriteAllText(File, "this is no database, and longer than its header would be: " + new string('x', 200));
        Assert.Contains(File, Assert.Throws<HistoryException>(() => new RunHistory(File, _clock)).Message, StringComparison.Ordinal);
    }

    /// <summary>Another process writes until it is killed; whatever it said to be on record is, and is whole.</summary>
    [Fact]
    public async Task Finish_ThenKillTheProcess_LeavesEveryRecordWhole()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(File)!);
        int seed = Random.Shared.Next();
        var chance = new Random(seed);
        for (int kill = 0; kill < 3; kill++)
        {
            string said = Path.Combine(_folder, $"said-{kill}");
            var start = new ProcessStartInfo("dotnet", [typeof(RunHistoryTests).Assembly.Location, "-noLogo", "-noColor", "-class", typeof(HistoryWriter).FullName!]) { RedirectStandardOutput = true };
            start.Environment[HistoryWriter.Variable] = $"{File}|{said}|{kill}";
            using Process child = Process.Start(start)!;
            int enough = chance.Next(1, 60);
            while (Lines(said).Length < enough)
            {
                Assert.False(child.HasExited);
                await Task.Delay(5);
            }

            child.Kill();
            await child.WaitForExitAsync();
            string[] acknowledged = Lines(said);
            using var history = new RunHistory(File, TimeProvider.System);
            Assert.All(acknowledged, id => Assert.True(history.Find(id) is { Status: StressTestStatus.Completed, Error.Length: 5000 }, $"{id}, seed {seed}"));
            Assert.All(history.List(1000).Runs, run => Assert.True(run.Status is StressTestStatus.Completed or StressTestStatus.Running, $"seed {seed}"));
        }

        // The last line may be cut: only whole ones were said.
        static string[] Lines(string file)
        {
            using var stream = new FileStream(file, FileMode.OpenOrCreate, FileAccess.Read, FileShare.ReadWrite);
            return new StreamReader(stream).ReadToEnd().Split('\n')[..^1];
        }
    }

    private sealed class TurnedClock : TimeProvider
    {
        private DateTimeOffset _now = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public void Turn(TimeSpan by) => _now += by;

        public override DateTimeOffset GetUtcNow() => _now;
    }
}

/// <summary>The process that is killed; without its variable there is nothing to write.</summary>
public sealed class HistoryWriter
{
    public const string Variable = "FARM_HISTORY_WRITER";

    [Fact]
    public void Write_UntilKilled()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } task)
        {
            return;
        }

        string[] parts = task.Split('|');
        using var history = new RunHistory(parts[0], TimeProvider.System);
        using var said = new FileStream(parts[1], FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite);
        for (int i = 0; ; i++)
        {
            StressTestRun run = RunHistoryTests.Run($"{parts[2]}-{i}", TimeProvider.System.GetUtcNow());
            history.Start(run);
            history.Finish(run with { Status = StressTestStatus.Completed, Error = new string('e', 5000) });
            said.Write(System.Text.Encoding.UTF8.GetBytes(run.RunId + "\n"));
            said.Flush();
        }
    }
}
