using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Workflows;

public sealed class GraphCommandTests : IDisposable
{
    private readonly Af _af = new();

    public void Dispose() => _af.Dispose();

    [Fact]
    public async Task Graph_File_PrintsAFlowchart()
    {
        _af.Write("fussy.yaml", Af.Fussy);
        const string chart = "flowchart TD\n  n1[\"look<br/>skill.echo\"]\n  n2[\"fine<br/>skill.echo\"]\n  s0(( )) --> n1\n  n1 -->|\"output.ok\"| n2\n  n2 --> e2(((\"fine\")))\n";

        AfResult text = await _af.RunAsync("graph", "fussy.yaml");
        AfResult json = await _af.RunAsync("graph", "fussy.yaml", "-o", "json");

        Assert.Equal((0, chart), (text.Code, text.Out.ReplaceLineEndings("\n")));
        Assert.Equal(chart, JsonElement.Parse(json.Out).GetProperty("mermaid").GetString());
    }

    [Fact]
    public async Task Graph_FileWithErrors_PrintsThemAndFails()
    {
        _af.Write("bad.yaml", Af.Fussy.Replace("final_states: [fine]", "final_states: [finest]", StringComparison.Ordinal));

        AfResult result = await _af.RunAsync("graph", "bad.yaml");

        Assert.Equal((1, ""), (result.Code, result.Out));
        Assert.Contains("unknown-state", result.Error, StringComparison.Ordinal);
        Assert.Equal(1, (await _af.RunAsync("graph", "nowhere.yaml")).Code);
    }
}
