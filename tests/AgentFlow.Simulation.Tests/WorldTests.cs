using System.Collections.Concurrent;
using System.Globalization;

namespace AgentFlow.Simulation.Tests;

[Collection("worlds")]
public class WorldTests(ITestOutputHelper output)
{
    [Fact]
    public void Run_TwoThousandSeeds_KeepEveryPromise() => RunSeeds(1, 2_000);

    [Fact]
    [Trait("Suite", "slow")]
    public void Run_TenThousandSeeds_KeepEveryPromise() => RunSeeds(100_001, 10_000);

    [Fact]
    public void Run_SameSeedTwice_IsTheSameWorld()
    {
        for (ulong seed = 1; seed <= 200; seed++)
        {
            Assert.Equal(new World(seed).Run().Trace, new World(seed).Run().Trace);
        }
    }

    private void RunSeeds(ulong first, int count)
    {
        var reports = new ConcurrentBag<WorldReport>();
        var violations = new ConcurrentBag<string>();
        Parallel.For(0, count, i =>
        {
            try
            {
                reports.Add(new World(first + (ulong)i).Run());
            }
            catch (Exception e)
            {
                violations.Add(e is InvariantViolationException ? e.Message : $"Seed {first + (ulong)i}: {e}");
            }
        });
        Assert.True(violations.IsEmpty, string.Join('\n', violations.Order(StringComparer.Ordinal).Take(10)));
        foreach (Fault fault in Enum.GetValues<Fault>())
        {
            int times = reports.Sum(r => r.Faults.GetValueOrDefault(fault));
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{fault}: {times} times in {reports.Count(r => r.Faults.ContainsKey(fault))} worlds"));
            Assert.True(times > 0, $"{fault} never struck: the worlds prove nothing about it");
        }

        foreach (string point in World.CrashPoints)
        {
            int times = reports.Sum(r => r.Crashes.GetValueOrDefault(point));
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"died {point}: {times} times in {reports.Count(r => r.Crashes.ContainsKey(point))} worlds"));
            Assert.True(times > 0, $"no worker died {point}: the worlds prove nothing about it");
        }

        Assert.True(reports.Sum(r => r.Children) > 0 && reports.Sum(r => r.Places) > 0, "no run did a step of another, or nothing was shared");
        output.WriteLine($"{reports.Sum(r => r.Runs)} runs, {reports.Sum(r => r.Children)} of them children, {reports.Sum(r => r.Places)} places given, {reports.Sum(r => r.Effects)} effects, {reports.Sum(r => r.Lives)} lives");
        Assert.All(reports, r => Assert.True(r.Faults.Count > 0, $"seed {r.Seed} had no fault"));
    }
}
