using AgentFlow.Contracts.Tools;

namespace AgentFlow.Tools.Tests;

public class ExecutionProfileTests
{
    private static readonly ToolContract Contract = new() { Id = "a.tool", Version = "1.0.0" };

    [Fact]
    public void Compile_NoPolicy_GivesNoProfile() => Assert.Null(ExecutionProfile.Compile(Contract, [], out _));

    [Fact]
    public void Compile_SeveralPolicies_TakesTheStrictestOfEach()
    {
        ExecutionProfile profile = Compile(
            new ToolPolicy { TimeLimit = TimeSpan.FromSeconds(5), MaxResponseBytes = 3_000, MaxMemoryBytes = 1_000_000 },
            new ToolPolicy { TimeLimit = TimeSpan.FromSeconds(9), MaxResponseBytes = 2_000, MaxMemoryBytes = 2_000_000 });

        Assert.Equal(TimeSpan.FromSeconds(5), profile.TimeLimit);
        Assert.Equal(2_000, profile.MaxResponseBytes);
        Assert.Equal(1_000_000, profile.MaxMemoryBytes);
    }

    [Fact]
    public void Compile_MemoryBelowResponse_LowersTheResponse() =>
        Assert.Equal(1_000, Compile(new ToolPolicy { MaxMemoryBytes = 4_000, MaxResponseBytes = 1 << 20 }).MaxResponseBytes);

    [Theory]
    [InlineData("api.example.com", 443, true)]
    [InlineData("www.example.com", 443, false)]
    [InlineData("a.example.org", 80, true)]
    [InlineData("a.b.example.org", 80, true)]
    [InlineData("example.org", 80, false)]
    [InlineData("notexample.org", 80, false)]
    [InlineData("ports.example.com", 8443, true)]
    [InlineData("ports.example.com", 443, false)]
    [InlineData("192.0.2.7", 80, true)]
    [InlineData("2001:db8::7", 80, true)]
    [InlineData("2001:db8::8", 8080, true)]
    [InlineData("2001:db8::8", 80, false)]
    public void Admits_HostList_MatchesNamesSubdomainsAddressesAndPorts(string host, int port, bool expected)
    {
        ExecutionProfile profile = Compile(new ToolPolicy
        {
            AllowedHosts = ["API.example.com", "*.example.org", "ports.example.com:8443", "192.0.2.7", "2001:db8::7", "[2001:db8::8]:8080"],
        });

        Assert.Equal(expected, profile.Admits(host, port));
    }

    [Fact]
    public void Admits_TwoLists_NeedsBoth()
    {
        ExecutionProfile profile = Compile(
            new ToolPolicy { AllowedHosts = ["*.example.com"] },
            new ToolPolicy { AllowedHosts = ["a.example.com", "b.example.org"] });

        Assert.True(profile.Admits("a.example.com", 443));
        Assert.False(profile.Admits("c.example.com", 443));
        Assert.False(profile.Admits("b.example.org", 443));
    }

    [Fact]
    public void Admits_EmptyList_AdmitsNothing() => Assert.False(Compile(new ToolPolicy { AllowedHosts = [] }).Admits("example.com", 443));

    [Theory]
    [InlineData("")]
    [InlineData("*")]
    [InlineData("*.10.0.0.1")]
    [InlineData("10.1")]
    [InlineData("a.com:0")]
    [InlineData("a.com:http")]
    [InlineData("a.com.")]
    [InlineData("münchen.de")]
    [InlineData("a.com/path")]
    public void Compile_MalformedHost_IsRefused(string host)
    {
        var e = Assert.Throws<ToolConfigurationException>(() => Compile(new ToolPolicy { AllowedHosts = [host] }));

        Assert.Contains($"'{host}' is no host", e.Message, StringComparison.Ordinal);
    }

    private static ExecutionProfile Compile(params ToolPolicy[] policies) => ExecutionProfile.Compile(Contract, policies, out _)!;
}
