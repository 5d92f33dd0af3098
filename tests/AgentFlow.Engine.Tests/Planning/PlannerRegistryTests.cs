using System.Text.Json;
using AgentFlow.Contracts.Planning;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Planning;

namespace AgentFlow.Engine.Tests.Planning;

public sealed class PlannerRegistryTests
{
    private static readonly PlanRequest Request = new("echo hi", JsonElement.Parse("""["skill.echo"]"""));

    [Theory]
    [InlineData(null, VersionMatch.Compatible, "2.0.0")]
    [InlineData("1.0.0", VersionMatch.Compatible, "1.2.0")]
    [InlineData("1.2.9", VersionMatch.Compatible, "1.2.0")]
    [InlineData("1.0.0", VersionMatch.Strict, "1.0.0")]
    [InlineData("3.0.0-rc.1", VersionMatch.Strict, "3.0.0-rc.1")]
    public void Plan_Version_PicksTheNewestAllowed(string? version, VersionMatch match, string expected)
    {
        var registry = Registry("p", ["1.0.0", "3.0.0-rc.1", "1.2.0", "2.0.0"]);
        var output = Assert.IsType<PlannerResult.Output>(registry.Plan(Request, "p", version, match));
        Assert.Equal(expected, output.Plan.Metadata.PlannerVersion);
    }

    [Theory]
    [InlineData("p", "1.3.0", VersionMatch.Compatible)]
    [InlineData("p", "3.0.0", VersionMatch.Compatible)]
    [InlineData("p", "1.1.0", VersionMatch.Strict)]
    [InlineData("p", "newest", VersionMatch.Compatible)]
    [InlineData("P", null, VersionMatch.Compatible)]
    public void Plan_NothingAllowed_SaysWhatThereIs(string name, string? version, VersionMatch match)
    {
        var registry = Registry("p", ["1.0.0", "1.2.0"]);
        var error = Assert.IsType<PlannerResult.Error>(registry.Plan(Request, name, version, match));
        Assert.Equal("PLANNER_NOT_FOUND", error.Reason.Code);
        Assert.EndsWith("Registered: p 1.2.0, p 1.0.0.", error.Reason.Message);
    }

    [Fact]
    public void Plan_PlannerThrows_IsAnErrorAndTheOthersGoOn()
    {
        var registry = new PlannerRegistry(
            () => new Fake("broken", "1.0.0", _ => throw new InvalidTimeZoneException("secret text")),
            () => new Fake("empty", "1.0.0", _ => null!),
            () => new DeterministicPlanner());

        var broken = Assert.IsType<PlannerResult.Error>(registry.Plan(Request, "broken"));
        Assert.Equal(("PLANNER_FAILED", false), (broken.Reason.Code, broken.Reason.Retryable));
        Assert.Contains("InvalidTimeZoneException", broken.Reason.Message);
        Assert.DoesNotContain("secret", broken.Reason.Message);
        Assert.IsType<InvalidTimeZoneException>(broken.Cause);
        Assert.Equal("PLANNER_FAILED", Assert.IsType<PlannerResult.Error>(registry.Plan(Request, "empty")).Reason.Code);
        Assert.IsType<PlannerResult.Output>(registry.Plan(Request, "deterministic"));
    }

    [Fact]
    public void Plan_TwoRegistries_HaveInstancesOfTheirOwn()
    {
        static IPlanner Counting()
        {
            int calls = 0;
            return new Fake("p", "1.0.0", _ => Output($"call {++calls}", "1.0.0"));
        }

        var one = new PlannerRegistry(Counting);
        var two = new PlannerRegistry(Counting);
        one.Plan(Request, "p");
        Assert.Equal("call 2", ((PlannerResult.Output)one.Plan(Request, "p")).Plan.Metadata.CacheKey);
        Assert.Equal("call 1", ((PlannerResult.Output)two.Plan(Request, "p")).Plan.Metadata.CacheKey);
    }

    [Fact]
    public void Constructor_BadRegistrations_AreRefused()
    {
        var shared = new Fake("p", "1.0.0", _ => null!);
        int version = 0;
        var shifting = new Fake("p", "1.0.0", _ => null!) { NextVersion = () => $"{++version}.0.0" };
        Assert.Contains("twice", Assert.Throws<ArgumentException>(() => Registry("p", ["1.0.0", "1.0.0"])).Message);
        Assert.Contains("twice", Assert.Throws<ArgumentException>(() => Registry("p", ["1.0.0", "1.0.0+build"])).Message);
        Assert.Contains("MAJOR.MINOR.PATCH", Assert.Throws<ArgumentException>(() => Registry("p", ["1.0"])).Message);
        Assert.Contains("no name", Assert.Throws<ArgumentException>(() => Registry(" ", ["1.0.0"])).Message);
        Assert.Throws<ArgumentException>(() => new PlannerRegistry(() => shared, () => shared));
        Assert.Contains("instance", Assert.Throws<ArgumentException>(() => new PlannerRegistry(() => shifting, () => shifting)).Message);
    }

    [Fact]
    public void Planners_Registered_AreListedInOrder()
    {
        var registry = new PlannerRegistry(() => new Fake("b", "1.0.0", _ => null!), () => new Fake("a", "1.0.0", _ => null!), () => new Fake("a", "1.10.0", _ => null!));
        Assert.Equal(["a 1.10.0", "a 1.0.0", "b 1.0.0"], registry.Planners.Select(p => $"{p.Name} {p.Version}"));
        Assert.Equal(["deterministic 1.0.0"], PlannerRegistry.BuiltIn().Planners.Select(p => $"{p.Name} {p.Version}"));
    }

    private static PlannerRegistry Registry(string name, string[] versions) =>
        new(versions.Select(v => (Func<IPlanner>)(() => new Fake(name, v, _ => Output("", v)))));

    private static PlannerResult Output(string key, string version) =>
        new PlannerResult.Output(new PlannerOutput([], new PlannerMetadata("p", version, false, 0, key)));

    private sealed class Fake(string name, string version, Func<PlanRequest, PlannerResult> plan) : IPlanner
    {
        public Func<string> NextVersion { get; init; } = () => version;

        public string Name => name;

        public string Version => NextVersion();

        public Determinism Determinism => Determinism.None;

        public ValueTask<PlannerResult> PlanAsync(PlanRequest request, CancellationToken cancellationToken) => new(plan(request));
    }
}
