using AgentFlow.Contracts.Tools;
using AgentFlow.Models.Agents;
using AgentFlow.Models.Tests.Support;

namespace AgentFlow.Models.Tests.Agents;

public class RagAgentTests
{
    [Fact]
    public async Task Invoke_Query_GivesTheBestPassages()
    {
        var agent = new RagAgentKind().Compile(
            Definitions.Agent("""{"kind":"rag","source":"kb","top":1}"""), Definitions.Assets(("kb/a.md", "# Cats\nThey sleep."), ("kb/b.md", "# Dogs\nThey bark.")));

        var output = (await agent.InvokeAsync("""{"query":"why do dogs bark"}""")).Output.Json();

        Assert.Equal("why do dogs bark", output.GetProperty("query").GetString());
        var passage = Assert.Single(output.GetProperty("passages").EnumerateArray());
        Assert.Equal(("b", "Dogs", "They bark."), (passage.GetProperty("id").GetString(), passage.GetProperty("title").GetString(), passage.GetProperty("text").GetString()));
        Assert.Equal(output.GetProperty("best_score").GetDouble(), passage.GetProperty("score").GetDouble());
        Assert.Equal((Effects.None, Determinism.Full), (agent.Contract.Effects, agent.Contract.Determinism));
    }

    [Fact]
    public async Task Invoke_NothingFits_GivesNoneAndZero()
    {
        var agent = new RagAgentKind().Compile(Definitions.Agent("""{"kind":"rag","source":"kb"}"""), Definitions.Assets(("kb/a.md", "# Cats\nThey sleep.")));

        Assert.Equal("""{"query":"unicorn","passages":[],"best_score":0}""", (await agent.InvokeAsync("""{"query":"unicorn"}""")).Output.Json().GetRawText());
    }

    [Theory, InlineData("{}"), InlineData("\"text\""), InlineData("""{"query":5}"""), InlineData("oops")]
    public async Task Invoke_NoQuery_SaysWhatIsNeeded(string input)
    {
        var agent = new RagAgentKind().Compile(Definitions.Agent("""{"kind":"rag","source":"kb"}"""), Definitions.Assets(("kb/a.md", "# Cats\nThey sleep.")));

        var outcome = await agent.InvokeAsync(input);

        Assert.Equal("INPUT_INVALID", outcome.Error?.Code);
        Assert.Contains("query", outcome.Error!.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"kind":"rag"}""", "source"), InlineData("""{"kind":"rag","source":"none"}""", "source"), InlineData("""{"kind":"rag","source":"kb","top":0}""", "top")]
    [InlineData("""{"kind":"rag","source":"kb","topp":1}""", "topp"), InlineData("""{"kind":"rag","source":["kb"]}""", "source")]
    public void Check_WrongSetting_NamesIt(string settings, string setting) =>
        Assert.Equal(setting, Assert.Single(new RagAgentKind().Check(Definitions.Agent(settings), Definitions.Assets(("kb/a.md", "# Cats\nThey sleep.")))).Setting);
}
