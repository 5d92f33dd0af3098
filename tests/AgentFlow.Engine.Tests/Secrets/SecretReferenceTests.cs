using System.Text;
using System.Text.Json;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Secrets;

namespace AgentFlow.Engine.Tests.Secrets;

public sealed class SecretReferenceTests
{
    [Theory]
    [InlineData("secret://api", "secret://api")]
    [InlineData("Bearer secret://api-key_2.", "secret://api-key_2")]
    [InlineData("secret://db#user:secret://db#password@host", "secret://db#user secret://db#password")]
    [InlineData("secret://a#", "secret://a")]
    [InlineData("secret:// secret://", "")]
    [InlineData("secret://é secret://b", "secret://b")]
    [InlineData("nothing", "")]
    public void In_Text_FindsReferences(string text, string expected) => Assert.Equal(expected, string.Join(' ', SecretReference.In(text)));

    [Fact]
    public void In_NameThatIsTooLong_IsNone() => Assert.Empty(SecretReference.In("secret://" + new string('a', 65)));

    [Fact]
    public void Replace_KnownAndUnknown_ReplacesTheKnown()
    {
        var values = new Dictionary<SecretReference, string> { [new("a", "")] = "one", [new("a", "f")] = "secret://b", [new("b", "")] = "two" };
        Assert.Equal("x one secret://b secret://c two y", SecretReference.Replace("x secret://a secret://a#f secret://c secret://b y", values));
    }

    [Fact]
    public void Places_OfATemplate_AreTheAuthorsAlone()
    {
        JsonElement value = JsonElement.Parse("""{"auth":"Bearer secret://key","deep":[{"x":"secret://db#p"},"${input.x}"],"both":"secret://key ${input.x}","n":1}""");
        ValueTemplate template = ValueTemplate.Compile(value, e => Expressions.Cel.CelExpression.TryCompile(e.Source, WorkflowExpressions.Options, out Expressions.Cel.CelExpression? c, out _) ? c : null)!;
        var places = new SecretPlaces(template.Literals);
        Assert.Equal(["secret://key", "secret://db#p"], places.References.Select(r => r.ToString()));

        // What came with the data stays a text, wherever it stands but beside the author's own.
        byte[] input = Encoding.UTF8.GetBytes("""{"auth":"Bearer secret://key","deep":[{"x":"secret://db#p"},"secret://key"],"both":"secret://key secret://db#p","n":1}""");
        ReadOnlyMemory<byte> filled = places.Fill(input, new Dictionary<SecretReference, string> { [new("key", "")] = "k\"é", [new("db", "p")] = "pass" });
        Assert.Equal("""{"auth":"Bearer k\"é","deep":[{"x":"pass"},"secret://key"],"both":"k\"é secret://db#p","n":1}""", Encoding.UTF8.GetString(filled.Span));
    }

    [Fact]
    public void Fill_InputOfAnotherShape_LeavesIt()
    {
        var places = new SecretPlaces([(["a", 3, "b"], "secret://x"), ([], "secret://x")]);
        var values = new Dictionary<SecretReference, string> { [new("x", "")] = "value" };
        Assert.Equal("""{"a":[]}""", Encoding.UTF8.GetString(places.Fill("""{"a":[]}"""u8.ToArray(), values).Span));
        Assert.Equal("\"value\"", Encoding.UTF8.GetString(places.Fill("\"secret://x\""u8.ToArray(), values).Span));
    }
}
