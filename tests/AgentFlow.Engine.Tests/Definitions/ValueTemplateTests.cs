using System.Text.Json;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Runs;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Tests.Definitions;

public sealed class ValueTemplateTests
{
    private static readonly CelVariables Variables = new(new Dictionary<string, CelValue> { ["input"] = CelValue.FromJson("7"u8.ToArray()) });

    [Theory]
    [InlineData("\"$${x}\"", "\"${x}\"")]
    [InlineData("""{"a":"$${x}"}""", """{"a":"${x}"}""")]
    [InlineData("""["plain","$${x} and $${y}",{"deep":["$${z}"]}]""", """["plain","${x} and ${y}",{"deep":["${z}"]}]""")]
    [InlineData("""{"a":"$${x} is ${input}","b":"${input}"}""", """{"a":"${x} is 7","b":7}""")]
    [InlineData("""{"a":"$$${x}"}""", """{"a":"$${x}"}""")]
    [InlineData("""{"a":"$ {n} $","b":1.50}""", """{"a":"$ {n} $","b":1.50}""")]
    public void Render_EscapedMarkers_AreUnescapedWhereverTheyStand(string template, string rendered)
    {
        ValueTemplate compiled = ValueTemplate.Compile(JsonElement.Parse(template), e => CelExpression.Compile(e.Source, WorkflowExpressions.Options))!;
        Assert.Equal(rendered, compiled.Render(Variables, out string? error)?.ToString());
        Assert.Null(error);
    }
}
