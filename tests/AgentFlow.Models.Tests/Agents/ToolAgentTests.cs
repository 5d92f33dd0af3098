using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Ports;
using AgentFlow.Models.Agents;
using AgentFlow.Models.Tests.Support;

namespace AgentFlow.Models.Tests.Agents;

public class ToolAgentTests
{
    [Fact]
    public async Task Invoke_FixedInput_HoldsAgainstTheSteps()
    {
        var agent = Compile("""{"kind":"tool","tool":"skill.mirror","input":{"url":"https://fixed","deep":{"a":1}}}""");

        var output = (await agent.InvokeAsync("""{"url":"https://other","body":"x"}""")).Output.Json();

        Assert.True(JsonElement.DeepEquals(Definitions.Json("""{"url":"https://fixed","body":"x","deep":{"a":1}}"""), output));
    }

    [Fact]
    public async Task Invoke_NoFixedInput_PassesTheInputOn() =>
        Assert.Equal("[1,2]", (await Compile("""{"kind":"tool","tool":"skill.mirror"}""").InvokeAsync("[1,2]")).Output.Json().GetRawText());

    [Theory, InlineData("[1]"), InlineData("null"), InlineData("oops")]
    public async Task Invoke_FixedInputAndNoObject_IsRefused(string input)
    {
        var outcome = await Compile("""{"kind":"tool","tool":"skill.mirror","input":{"url":"x"}}""").InvokeAsync(input);

        Assert.Equal("INPUT_INVALID", outcome.Error?.Code);
        Assert.Contains("'helper'", outcome.Error!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Compile_Contract_IsTheToolsUnderTheAgentsName()
    {
        var contract = Compile("""{"kind":"tool","tool":"skill.mirror","role":"Posts.","input":{"url":"x"}}""").Contract;

        Assert.Equal(("agent.helper", "2.1.0", "Posts.", Effects.External, 77L), (contract.Id, contract.Version, contract.Description, contract.Effects, contract.MaxCostNanoDollars));
        Assert.Equal(["network.http"], contract.Permissions);
        Assert.Equal("""["body"]""", contract.InputSchema!.Value.GetProperty("required").GetRawText());
    }

    [Theory]
    [InlineData("""{"kind":"tool"}""", "tool", "skill.http_call"), InlineData("""{"kind":"tool","tool":"skill.miror"}""", "tool", "Did you mean 'skill.mirror'?")]
    [InlineData("""{"kind":"tool","tool":"skill.mirror","input":[1]}""", "input", "fixed"), InlineData("""{"kind":"tool","tool":"skill.mirror","inputs":{}}""", "inputs", "'input'")]
    public void Check_WrongSetting_NamesItAndTheRemedy(string settings, string setting, string remedy)
    {
        var problem = Assert.Single(new ToolAgentKind(new Registry()).Check(Definitions.Agent(settings), Definitions.Assets()));

        Assert.Equal(setting, problem.Setting);
        Assert.Contains(remedy, problem.Remedy, StringComparison.Ordinal);
    }

    private static ITool Compile(string settings) => new ToolAgentKind(new Registry()).Compile(Definitions.Agent(settings), Definitions.Assets());

    private sealed class Registry : IToolRegistry
    {
        private readonly Mirror _mirror = new();

        public IReadOnlyList<ToolContract> Contracts => [_mirror.Contract];

        public ITool? Find(string id) => id == _mirror.Contract.Id ? _mirror : null;
    }

    private sealed class Mirror : ITool
    {
        public ToolContract Contract { get; } = new()
        {
            Id = "skill.mirror",
            Version = "2.1.0",
            InputSchema = Definitions.Json("""{"type":"object","required":["url","body"]}"""),
            Permissions = ["network.http"],
            MaxCostNanoDollars = 77,
        };

        public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken) =>
            ValueTask.FromResult(StepOutcome.Success(Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(call.Input.Span))));
    }
}
