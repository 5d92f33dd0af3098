using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Models.Agents;
using AgentFlow.Models.Tests.Support;

namespace AgentFlow.Models.Tests.Agents;

public class LlmAgentKindTests
{
    private const string Output = """{"type":"object","required":["label"],"properties":{"label":{"type":"string","enum":["billing","refund"]}}}""";

    [Theory]
    [InlineData("""{}""", "model.provider", "'local' needs no key")]
    [InlineData("""{"model":"gpt-4o-mini"}""", "model", "an object of settings")]
    [InlineData("""{"model":{"provider":"opanai","model":"m"}}""", "model.provider", "Did you mean 'openai'?")]
    [InlineData("""{"model":{"provider":"gemini","model":"m"}}""", "model.provider", "Use one of: openai, anthropic")]
    [InlineData("""{"model":{"provider":7,"model":"m"}}""", "model.provider", "text")]
    [InlineData("""{"model":{"provider":"openai"}}""", "model.model", "for example gpt-4o-mini")]
    [InlineData("""{"model":{"provider":"ollama"}}""", "model.model", "as its server does")]
    [InlineData("""{"model":{"provider":"local","temperatur":0}}""", "model.temperatur", "Did you mean 'temperature'?")]
    [InlineData("""{"model":{"provider":"local","temperature":2.5}}""", "model.temperature", "from 0 to 2")]
    [InlineData("""{"model":{"provider":"local","temperature":"0.1"}}""", "model.temperature", "a number")]
    [InlineData("""{"model":{"provider":"local","max_tokens":0}}""", "model.max_tokens", "from 1")]
    [InlineData("""{"model":{"provider":"local","max_tokens":1.5}}""", "model.max_tokens", "whole number")]
    [InlineData("""{"model":{"provider":"local","max_input_tokens":-1}}""", "model.max_input_tokens", "from 1")]
    [InlineData("""{"model":{"provider":"local","base_url":"http://x"}}""", "model.base_url", "Remove the setting")]
    [InlineData("""{"model":{"provider":"openai","model":"m","base_url":"ftp://x"}}""", "model.base_url", "Correct the address")]
    [InlineData("""{"model":{"provider":"local"},"output":{"type":"string"}}""", "output", "type: object")]
    [InlineData("""{"model":{"provider":"local"},"exampels":{"file":"x"}}""", "exampels", "Did you mean 'examples'?")]
    [InlineData("""{"model":{"provider":"local"},"examples":"data/examples.jsonl"}""", "examples", "an object of settings")]
    [InlineData("""{"model":{"provider":"local"},"examples":{}}""", "examples.file", "JSONL")]
    [InlineData("""{"model":{"provider":"local"},"examples":{"file":"data/example.jsonl"}}""", "examples.file", "Did you mean 'data/examples.jsonl'?")]
    public void Check_WrongSetting_NamesItAndTheRemedy(string settings, string setting, string remedy)
    {
        var problem = Check(settings, ("data/examples.jsonl", """{"message":"x","label":"refund"}""")).First(p => p.Setting == setting);

        Assert.Contains(remedy, problem.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_ManyFaults_ReportsAll()
    {
        var problems = Check("""{"model":{"provider":"opanai","temperature":9,"max_tokens":-1,"foo":1},"output":5,"examples":{"file":"none"}}""");

        Assert.Equal(
            ["examples.file", "model.foo", "model.max_tokens", "model.provider", "model.temperature", "output"],
            problems.Select(p => p.Setting).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("{oops", "line 2: this is not JSON"), InlineData("[1]", "not a JSON object"), InlineData("""{"message":"x"}""", "no field of the output")]
    [InlineData("""{"label":"refund"}""", "no field of the input"), InlineData("""{"message":"x","label":"refnd"}""", "Did you mean 'refund'")]
    public void Check_BadExample_NamesTheLine(string line, string message)
    {
        string settings = $$"""{"model":{"provider":"local"},"examples":{"file":"./e.jsonl"},"output":{{Output}} }""";

        var problem = Assert.Single(Check(settings, ("e.jsonl", """{"message":"x","label":"refund"}""" + "\n" + line)));

        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_ManyBadExamples_AreCounted()
    {
        var problems = Check("""{"model":{"provider":"local"},"examples":{"file":"e.jsonl"}}""", ("e.jsonl", string.Join('\n', Enumerable.Repeat("oops", 100))));

        Assert.Equal(6, problems.Count);
        Assert.Contains("95 more lines", problems[5].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Compile_Local_PromisesAPureFreeTool()
    {
        var contract = Compile("""{"role":"Sort.\nMore.","model":{"provider":"local"}}""").Contract;

        Assert.Equal(("agent.helper", "Sort.", Effects.None, Determinism.Full, 0L), (contract.Id, contract.Description, contract.Effects, contract.Determinism, contract.MaxCostNanoDollars));
        Assert.Equal(["none"], contract.Permissions);
    }

    [Fact]
    public void Compile_Paid_PromisesAnExternalToolWithItsHighestPrice()
    {
        var contract = Compile("""{"role":"Answer it.","model":{"provider":"openai","model":"gpt-4o-mini","max_tokens":100,"max_input_tokens":1000}}""").Contract;

        // "Answer it." is ten bytes, four tokens at three bytes each.
        Assert.Equal((Effects.External, Determinism.None, 1004 * 150 + 100 * 600), (contract.Effects, contract.Determinism, contract.MaxCostNanoDollars));
        Assert.Equal(["network.http"], contract.Permissions);
    }

    [Fact]
    public void Compile_OutputSchema_IsInTheContract() =>
        Assert.Equal(Output, Compile($$"""{"model":{"provider":"local"},"output":{{Output}} }""").Contract.OutputSchema!.Value.GetRawText());

    private static IReadOnlyList<AgentProblem> Check(string settings, params (string, string)[] files) =>
        new LlmAgentKind(SupportTemplate.LocalModels()).Check(Definitions.Agent(settings), Definitions.Assets(files));

    private static ITool Compile(string settings)
    {
        var kind = new LlmAgentKind(SupportTemplate.LocalModels());
        AgentDefinition agent = Definitions.Agent(settings);
        Assert.Empty(kind.Check(agent, WorkflowAssets.Empty));
        return kind.Compile(agent, WorkflowAssets.Empty);
    }
}
