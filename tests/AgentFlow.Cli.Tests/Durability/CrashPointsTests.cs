using System.Text;
using System.Text.RegularExpressions;
using AgentFlow.Cli.Tests.Support;
using AgentFlow.Engine.Faults;

namespace AgentFlow.Cli.Tests.Durability;

public sealed partial class CrashPointsTests
{
    private static string[] Listed { get; } = [.. CrashPoints.Everywhere, .. CrashPoints.Sqlite, .. CrashPoints.Postgres];

    [GeneratedRegex("""CrashPoint\.Reach\("(?<name>[^"]+)"\)""")]
    private static partial Regex Call { get; }

    [Fact]
    public void List_NamesEveryPointOnce()
    {
        Assert.Equal(Listed.Distinct().Order(StringComparer.Ordinal), Listed.Order(StringComparer.Ordinal));
        Assert.True(CrashPoints.Everywhere.Count + CrashPoints.Sqlite.Count >= 40);
    }

    [Fact]
    public void List_HoldsExactlyThePointsOfTheSources()
    {
        string[] reached = [.. Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => Call.Matches(File.ReadAllText(file))).Select(m => m.Groups["name"].Value).Distinct()];
        string[] composed = [.. Listed.Where(p => p.StartsWith("frame.", StringComparison.Ordinal) || (p.StartsWith("inbox.", StringComparison.Ordinal) && !p.StartsWith("inbox.read", StringComparison.Ordinal)))];
        Assert.Equal(Listed.Except(composed).Order(StringComparer.Ordinal), reached.Order(StringComparer.Ordinal));
    }

    /// <summary>Calls are left out by the compiler, and with them the names.</summary>
    [Theory]
    [InlineData("AgentFlow.Engine.dll")]
    [InlineData("AgentFlow.Storage.dll")]
    public void NormalBuild_HoldsNoCrashPoint(string assembly)
    {
        byte[] normal = File.ReadAllBytes(Path.Combine(Path.GetDirectoryName(Af.Dll)!, assembly));
        Assert.DoesNotContain(Listed, point => normal.AsSpan().IndexOf(Encoding.Unicode.GetBytes(point)) >= 0);
        byte[] faulty = File.ReadAllBytes(Path.Combine(Path.GetDirectoryName(FaultsFlavour.Af)!, assembly));
        Assert.Contains(Listed, point => faulty.AsSpan().IndexOf(Encoding.Unicode.GetBytes(point)) >= 0);
    }
}
