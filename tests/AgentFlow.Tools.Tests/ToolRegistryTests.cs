using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Tools.Tests;

public class ToolRegistryTests
{
    private static readonly ToolContract Sound = new() { Id = "a.tool", Version = "1.2.3" };

    [Fact]
    public void Contracts_RegisteredInAnyOrder_ComeInOrdinalOrder()
    {
        var registry = new ToolRegistry([Define("b"), Define("a.b"), Define("a"), Define("B")], new ToolPolicy());

        Assert.Equal(["B", "a", "a.b", "b"], registry.Contracts.Select(c => c.Id));
        Assert.Equal("a.b", registry.Find("a.b")!.Contract.Id);
        Assert.Null(registry.Find("A"));
    }

    [Fact]
    public void Constructor_SeveralProblems_NamesThemAll()
    {
        ToolDefinition[] definitions =
        [
            Define("twice"),
            Define("twice"),
            Define(Sound with { Version = "1.0" }),
            Define(Sound with { Id = "b.tool", Permissions = ["netwrok.http"] }),
        ];

        var e = Assert.Throws<ToolConfigurationException>(() => new ToolRegistry(definitions, new ToolPolicy()));

        Assert.Equal(3, e.Problems.Count);
        Assert.Contains("'twice' is registered twice", e.Message, StringComparison.Ordinal);
        Assert.Contains("'a.tool': version '1.0' is no semantic version", e.Message, StringComparison.Ordinal);
        Assert.Contains("'b.tool': unknown permission 'netwrok.http' (did you mean 'network.http'?)", e.Message, StringComparison.Ordinal);
    }

    public static TheoryData<ToolContract, string> Unsound => new()
    {
        { Sound with { Id = "" }, "an id has" },
        { Sound with { Id = "a tool" }, "an id has" },
        { Sound with { Version = "v1.0.0" }, "semantic version" },
        { Sound with { Timeout = TimeSpan.Zero }, "timeout" },
        { Sound with { MaxCostNanoDollars = -1 }, "cost" },
        { Sound with { InputSchema = JsonElement.Parse("[]") }, "schema" },
        { Sound with { Permissions = [] }, "no permission" },
        { Sound with { Permissions = ["none", "fs.read"] }, "'none' stands alone" },
        { Sound with { Permissions = ["network.*"] }, "unknown permission" },
        { Sound with { Permissions = ["k8s."] }, "unknown permission" },
        { Sound with { Permissions = ["fs.read"], Effects = Effects.None }, "effects: none contradicts" },
    };

    [Theory]
    [MemberData(nameof(Unsound))]
    public void Constructor_UnsoundContract_IsRefused(ToolContract contract, string expected)
    {
        var e = Assert.Throws<ToolConfigurationException>(() => new ToolRegistry([Define(contract)], new ToolPolicy()));

        Assert.Contains(expected, Assert.Single(e.Problems), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("network.http")]
    [InlineData("network.smtp")]
    [InlineData("network.dns")]
    [InlineData("fs.read")]
    [InlineData("fs.tmp")]
    [InlineData("db.read")]
    [InlineData("db.write")]
    [InlineData("k8s.pods.read")]
    public async Task Find_PermissionNotGranted_AnswersWithRefusal(string permission)
    {
        ToolDefinition definition = Define(Sound with { Permissions = [permission] });

        StepOutcome denied = await new ToolRegistry([definition], new ToolPolicy()).Find("a.tool")!.Run("{}");
        StepOutcome granted = await new ToolRegistry([definition], new ToolPolicy { Permissions = [permission] }).Find("a.tool")!.Run("{}");
        StepOutcome family = await new ToolRegistry([definition], ToolPolicy.GrantAll).Find("a.tool")!.Run("{}");

        Assert.Equal("TOOL_NOT_PERMITTED", denied.Error!.Code);
        Assert.Equal(ErrorCategory.Permission, denied.Error.Category);
        Assert.Contains(permission, denied.Error.Message, StringComparison.Ordinal);
        Assert.True(granted.Ok);
        Assert.True(family.Ok);
    }

    [Fact]
    public async Task Under_NarrowerPolicy_DeniesThereAndNotHere()
    {
        var host = new ToolRegistry([Define(Sound with { Permissions = ["network.http", "fs.read"] })], ToolPolicy.GrantAll);

        ToolRegistry workflow = host.Under(new ToolPolicy { Permissions = ["network.http"] });

        Assert.True((await host.Find("a.tool")!.Run("{}")).Ok);
        StepError error = (await workflow.Find("a.tool")!.Run("{}")).Error!;
        Assert.Contains("needs the permission fs.read,", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Under_WiderPolicy_GrantsNothing()
    {
        var host = new ToolRegistry([Define(Sound with { Permissions = ["fs.read"] })], new ToolPolicy());

        StepOutcome outcome = await host.Under(ToolPolicy.GrantAll).Find("a.tool")!.Run("{}");

        Assert.Equal("TOOL_NOT_PERMITTED", outcome.Error!.Code);
    }

    [Fact]
    public void Constructor_MalformedPolicy_NamesEachProblem()
    {
        var policy = new ToolPolicy { Permissions = ["network.htp"], AllowedHosts = ["https://api.example.com/"], TimeLimit = TimeSpan.Zero };

        var e = Assert.Throws<ToolConfigurationException>(() => new ToolRegistry([Define("a")], policy));

        Assert.Contains("did you mean 'network.http'", e.Message, StringComparison.Ordinal);
        Assert.Contains("'https://api.example.com/' is no host", e.Message, StringComparison.Ordinal);
        Assert.Contains("must be above 0", e.Message, StringComparison.Ordinal);
    }

    private static ToolDefinition Define(string id) => Define(Sound with { Id = id });

    private static ToolDefinition Define(ToolContract contract) => new(contract, _ => new Answering(contract));

    private sealed class Answering(ToolContract contract) : ITool
    {
        public ToolContract Contract => contract;

        public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken) => new(StepOutcome.Success(call.Input));
    }
}
