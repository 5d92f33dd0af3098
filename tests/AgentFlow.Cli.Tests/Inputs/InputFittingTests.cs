using System.Text;
using System.Text.Json;
using AgentFlow.Cli.Inputs;

namespace AgentFlow.Cli.Tests.Inputs;

public sealed class InputFittingTests
{
    private const string Message = """{"type":"object","required":["message"],"properties":{"message":{"type":"string"},"id":{"type":"string"},"age":{"type":"integer"},"vip":{"type":"boolean"}}}""";
    private const string Closed = """{"type":"object","required":["message"],"additionalProperties":false,"properties":{"message":{"type":"string"}}}""";
    private const string TwoTexts = """{"type":"object","required":["from","to"],"properties":{"from":{"type":"string"},"to":{"type":"string"}}}""";

    [Theory]
    [InlineData(Message, "message,id\nHi,7", """{"message":"Hi","id":"7"}""")]
    [InlineData(Message, "id,Text\n7,Hi", """{"id":"7","message":"Hi"}""")]
    [InlineData(Message, "MESSAGE,text\nHi,no", """{"message":"Hi","text":"no"}""")]
    [InlineData(Message, "subject,body\nre,Hi", """{"subject":"re","message":"Hi"}""")]
    [InlineData(Message, "anything\nHi", """{"message":"Hi"}""")]
    [InlineData(Message, "message,age,vip\nHi,41,true", """{"message":"Hi","age":41,"vip":true}""")]
    [InlineData(Message, "message,age\nHi,", """{"message":"Hi"}""")]
    [InlineData(Message, "message,note\n12,3", """{"message":"12","note":"3"}""")]
    [InlineData(Closed, "id,message\n7,Hi", """{"message":"Hi"}""")]
    [InlineData(TwoTexts, "from,to\na,b", """{"from":"a","to":"b"}""")]
    [InlineData("{}", "a,b\n1,2", """{"a":"1","b":"2"}""")]
    public void Fit_Csv_FollowsTheSchema(string schema, string csv, string input) => Assert.Equal(input, Fit(schema, Csv(csv)).Single().Input.ToJsonString());

    [Fact]
    public void Fit_Json_KeepsTypes()
    {
        var (rows, isList) = JsonRows.Read("f", """[{"text":"Hi","age":"x","deep":{"a":[1]}},"bare"]"""u8);
        IReadOnlyList<FittedRow> fitted = Fit(Message, new InputRows("f", rows, IsText: false, isList));
        Assert.Equal(["""{"message":"Hi","age":"x","deep":{"a":[1]}}""", """{"message":"bare"}"""], fitted.Select(f => f.Input.ToJsonString()));
        Assert.Equal(["Hi", "bare"], fitted.Select(f => f.Message));
    }

    [Theory]
    [InlineData("age=41", """{"message":"Hi","age":41}""")]
    [InlineData("id=41", """{"message":"Hi","id":"41"}""")]
    [InlineData("extra=41", """{"message":"Hi","extra":41}""")]
    [InlineData("extra=a=b", """{"message":"Hi","extra":"a=b"}""")]
    [InlineData("message=other", """{"message":"other"}""")]
    public void Fit_Constants_GoIntoEveryRow(string pair, string input)
    {
        string[] parts = pair.Split('=', 2);
        Assert.Equal(input, Fit(Message, Csv("message\nHi"), new() { [parts[0]] = parts[1] }).Single().Input.ToJsonString());
    }

    [Theory]
    [InlineData(Message, "id,date\n7,x\n8,y", "f.csv:2: row 1: no column 'message' (or text, msg), which the workflow requires; it has id, date.")]
    [InlineData(TwoTexts, "from,too\na,b", "f.csv:2: row 1: no column 'to', which the workflow requires; it has from, too.")]
    [InlineData(Message, "message,age\nHi,old", "f.csv:2: row 1: column 'age' is 'old', the workflow wants integer.")]
    [InlineData(Message, "message,vip\nHi,1", "f.csv:2: row 1: column 'vip' is '1', the workflow wants boolean.")]
    [InlineData(Message, "message", "f.csv has no rows.")]
    public void Fit_NoFit_NamesRowAndColumn(string schema, string csv, string message)
    {
        CliException error = Assert.Throws<CliException>(() => Fit(schema, Csv(csv)));
        Assert.Equal(ExitCode.Failed, error.ExitCode);
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Fit_ManyBadRows_NamesTheFirstAndCountsTheRest()
    {
        var csv = new StringBuilder("message,age\n").Insert("message,age\n".Length, "Hi,x\n", 25);
        string[] lines = Assert.Throws<CliException>(() => Fit(Message, Csv(csv.ToString()))).Message.Split('\n');
        Assert.Equal(21, lines.Length);
        Assert.Equal("… and 5 more rows", lines[^1]);
    }

    private static InputRows Csv(string text) => new("f.csv", CsvReader.Read("f.csv", text), IsText: true, IsList: true);

    private static IReadOnlyList<FittedRow> Fit(string schema, InputRows rows, Dictionary<string, string>? constants = null) =>
        new InputFitting(new InputShape(JsonElement.Parse(schema)), constants ?? []).Fit(rows);
}
