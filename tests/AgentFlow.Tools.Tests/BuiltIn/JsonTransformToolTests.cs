using System.Text;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Tools.BuiltIn;

namespace AgentFlow.Tools.Tests.BuiltIn;

public class JsonTransformToolTests
{
    private readonly ITool _transform = Skill.Create(JsonTransformTool.Definition);

    [Theory]
    [InlineData("""{"operation":"extract","data":{"data":[1,{"x":"é"}]},"path":"$.data"}""", """{"output":[1,{"x":"é"}]}""")]
    [InlineData("""{"operation":"extract","data":{"a":[1,2]},"path":"$.a[*]"}""", """{"output":[1,2]}""")]
    [InlineData("""{"operation":"extract","data":{},"path":"$.a[*]"}""", """{"output":[]}""")]
    [InlineData("""{"operation":"extract","data":[{"a":1},{"a":20}],"path":"$[?@.a > 5 && length(@) == 1].a"}""", """{"output":[20]}""")]
    [InlineData("""{"operation":"extract","data":{"a":null},"path":"$.a"}""", """{"output":null}""")]
    [InlineData("""{"operation":"extract","data":{},"path":"$.a","default":null}""", """{"output":null}""")]
    [InlineData("""{"operation":"extract","data":1e400,"path":"$"}""", """{"output":1e400}""")]
    [InlineData("""{"operation":"pick","data":{"b":1,"a":2,"c":3},"fields":["c","b","x"]}""", """{"output":{"b":1,"c":3}}""")]
    [InlineData("""{"operation":"pick","data":[{"a":1,"b":2},{"b":3}],"fields":["a"]}""", """{"output":[{"a":1},{}]}""")]
    [InlineData("""{"operation":"merge","data":{"a":{"x":1,"y":2},"b":[1]},"with":{"a":{"y":null,"z":3},"b":[2],"c":4}}""", """{"output":{"a":{"x":1,"z":3},"b":[2],"c":4}}""")]
    [InlineData("""{"operation":"merge","data":{"a":1},"with":{"a":{"b":null,"c":{"d":null}}}}""", """{"output":{"a":{"c":{}}}}""")]
    [InlineData("""{"operation":"merge","data":{"a":1},"with":null}""", """{"output":null}""")]
    [InlineData("""{"operation":"merge","data":[1],"with":{"a":1}}""", """{"output":{"a":1}}""")]
    [InlineData("""{"operation":"map","data":[{"a":1},{"a":2}],"path":"$.a"}""", """{"output":[1,2]}""")]
    [InlineData("""{"operation":"map","data":[{"a":1},{}],"path":"$.a","default":0}""", """{"output":[1,0]}""")]
    [InlineData("""{"operation":"map","data":[{"a":{"b":1},"c":[2,3]}],"fields":{"x":"$.a.b","y":"$.c[*]"}}""", """{"output":[{"x":1,"y":[2,3]}]}""")]
    [InlineData("""{"operation":"filter","data":[1,5,3],"where":{"op":"gt","value":2}}""", """{"output":[5,3]}""")]
    public async Task InvokeAsync_Operation_GivesItsResult(string input, string expected) =>
        Assert.Equal(expected, (await _transform.Run(input)).Text());

    [Theory]
    [InlineData("""{"path":"$.n","op":"eq","value":1.0}""", "a")]
    [InlineData("""{"path":"$.n","op":"ne","value":1}""", "b,c,d")]
    [InlineData("""{"path":"$.n","op":"lt","value":2}""", "a")]
    [InlineData("""{"path":"$.n","op":"le","value":2}""", "a,b")]
    [InlineData("""{"path":"$.n","op":"ge","value":2}""", "b")]
    [InlineData("""{"path":"$.n","op":"gt","value":"0"}""", "c")]
    [InlineData("""{"path":"$.n","op":"in","value":[2,"1"]}""", "b,c")]
    [InlineData("""{"path":"$.n","op":"exists"}""", "a,b,c")]
    [InlineData("""{"path":"$.n","op":"exists","value":false}""", "d")]
    [InlineData("""{"path":"$.t[*]","op":"exists"}""", "a")]
    [InlineData("""{"path":"$.t","op":"contains","value":"x"}""", "a")]
    [InlineData("""{"path":"$.id","op":"contains","value":"b"}""", "b")]
    [InlineData("""{"path":"$.id","op":"starts_with","value":"c"}""", "c")]
    [InlineData("""{"path":"$.id","op":"ends_with","value":"d"}""", "d")]
    [InlineData("""{"not":{"path":"$.id","op":"in","value":["a","b"]}}""", "c,d")]
    [InlineData("""{"all":[{"path":"$.n","op":"exists"},{"not":{"path":"$.t","op":"exists"}}]}""", "b,c")]
    [InlineData("""{"any":[{"path":"$.id","op":"eq","value":"d"},{"path":"$.n","op":"eq","value":2}]}""", "b,d")]
    public async Task InvokeAsync_Filter_KeepsWhatTheConditionHolds(string where, string expected)
    {
        const string Data = """[{"id":"a","n":1,"t":["x"]},{"id":"b","n":2},{"id":"c","n":"1"},{"id":"d"}]""";

        StepOutcome outcome = await _transform.Run($$"""{"operation":"filter","data":{{Data}},"where":{{where}}}""");

        Assert.Equal(expected, string.Join(',', outcome.Json().GetProperty("output").EnumerateArray().Select(e => e.GetProperty("id").GetString())));
    }

    [Fact]
    public async Task InvokeAsync_LargeNumbers_AreComparedExactly()
    {
        StepOutcome outcome = await _transform.Run("""{"operation":"filter","data":[9007199254740993],"where":{"op":"gt","value":9007199254740992}}""");

        Assert.Equal("""{"output":[9007199254740993]}""", outcome.Text());
    }

    [Theory]
    [InlineData("", "input: must be one JSON object")]
    [InlineData("[]", "input: must be an object, not an array")]
    [InlineData("""{"data":1,"data":2}""", "input: must be one JSON object")]
    [InlineData("""{"data":"\ud800","operation":"extract","path":"$"}""", "half of a surrogate pair")]
    [InlineData("""{"data":1}""", "input.operation: is required")]
    [InlineData("""{"data":1,"operation":"extrct"}""", "input.operation: 'extrct' is none of extract, pick, merge, map, filter (did you mean 'extract'?)")]
    [InlineData("""{"operation":"extract","path":"$"}""", "input.data: is required")]
    [InlineData("""{"data":1,"operation":"extract"}""", "input.path: is required")]
    [InlineData("""{"data":1,"operation":"extract","path":"a"}""", "input.path: position 1 of 'a': a path begins with '$'")]
    [InlineData("""{"data":1,"operation":"extract","path":7}""", "input.path: must be a string, not a number")]
    [InlineData("""{"data":1,"operation":"extract","path":"$","fields":[]}""", "input.fields: is no field here; known are operation, data, path, default")]
    [InlineData("""{"data":{},"operation":"extract","path":"$.a"}""", "input.path: '$.a' selects nothing in data; give 'default'")]
    [InlineData("""{"data":1,"operation":"pick","fields":["a"]}""", "input.data: must be an object or an array of objects")]
    [InlineData("""{"data":[1],"operation":"pick","fields":["a"]}""", "input.data: must be an object or an array of objects")]
    [InlineData("""{"data":{},"operation":"pick","fields":[1]}""", "input.fields: must be an array of member names")]
    [InlineData("""{"data":{},"operation":"merge"}""", "input.with: is required")]
    [InlineData("""{"data":{},"operation":"map","path":"$"}""", "input.data: must be an array, not an object")]
    [InlineData("""{"data":[],"operation":"map"}""", "input.path: give either 'path'")]
    [InlineData("""{"data":[],"operation":"map","path":"$","fields":{}}""", "input.path: give either 'path'")]
    [InlineData("""{"data":[],"operation":"map","fields":{"x":"y"}}""", "input.fields.x: position 1")]
    [InlineData("""{"data":[{"a":1},{}],"operation":"map","path":"$.a"}""", "selects nothing in data[1]")]
    [InlineData("""{"data":[],"operation":"filter"}""", "input.where: is required")]
    [InlineData("""{"data":[],"operation":"filter","where":[]}""", "input.where: must be an object, not an array")]
    [InlineData("""{"data":[],"operation":"filter","where":{"op":"like","value":1}}""", "input.where.op: 'like' is none of")]
    [InlineData("""{"data":[],"operation":"filter","where":{"op":"eq"}}""", "input.where.value: is required for 'eq'")]
    [InlineData("""{"data":[],"operation":"filter","where":{"op":"in","value":1}}""", "input.where.value: must be an array for 'in'")]
    [InlineData("""{"data":[],"operation":"filter","where":{"path":"$.*","op":"eq","value":1}}""", "input.where.path: '$.*' may select several values")]
    [InlineData("""{"data":[],"operation":"filter","where":{"all":[]}}""", "input.where.all: must not be empty")]
    [InlineData("""{"data":[],"operation":"filter","where":{"all":[{"op":"eq","value":1},{"any":[{"op":"x"}]}]}}""", "input.where.all[1].any[0].op: 'x' is none of")]
    [InlineData("""{"data":[],"operation":"filter","where":{"not":{"op":"eq","value":1},"op":"eq"}}""", "input.where.op: is no field here")]
    public async Task InvokeAsync_BadInput_NamesTheField(string input, string expected)
    {
        StepError error = (await _transform.Run(input)).Error!;

        Assert.Equal(ErrorCategory.Validation, error.Category);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InvokeAsync_SeveralProblems_NamesThemTogether()
    {
        StepError error = (await _transform.Run("""{"operation":"extract","path":1,"patth":2}""")).Error!;

        Assert.Equal("VALIDATION_FAILED", error.Code);
        Assert.Contains("input.data: is required", error.Message, StringComparison.Ordinal);
        Assert.Contains("input.path: must be a string", error.Message, StringComparison.Ordinal);
        Assert.Contains("input.patth: is no field here (did you mean 'path'?)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InvokeAsync_FiftyLevels_AreCarried()
    {
        string deep = new string('[', 50) + "1" + new string(']', 50);

        Assert.Equal($$"""{"output":{{deep}}}""", (await _transform.Run($$"""{"operation":"extract","data":{{deep}},"path":"$"}""")).Text());
    }

    [Fact]
    public async Task InvokeAsync_ThousandLevels_AreRefused()
    {
        string deep = new string('[', 1_000) + new string(']', 1_000);

        Assert.Equal("VALIDATION_FAILED", (await _transform.Run($$"""{"operation":"extract","data":{{deep}},"path":"$"}""")).Error!.Code);
    }

    [Fact]
    public async Task InvokeAsync_InputAboveThePolicysMemory_IsRefused()
    {
        ITool small = Skill.Create(JsonTransformTool.Definition, ToolPolicy.GrantAll with { MaxMemoryBytes = 8_000 });
        string Input(int length) => $$"""{"operation":"extract","data":"{{new string('x', length)}}","path":"$"}""";

        Assert.True((await small.Run(Input(900))).Ok);
        Assert.Equal("RESULT_TOO_LARGE", (await small.Run(Input(1_000))).Error!.Code);
    }

    [Theory]
    [InlineData("extract", "\"path\":\"$..*..*..*..*..*..*\"")]
    [InlineData("extract", "\"path\":\"$[-1,-1,-1,-1,-1,-1,-1,-1,-1,-1][-1,-1,-1,-1,-1,-1,-1,-1,-1,-1][-1,-1,-1,-1,-1,-1,-1,-1,-1,-1][-1,-1,-1,-1,-1,-1,-1,-1,-1,-1]..*\"")]
    [InlineData("map", "\"path\":\"$..*..*..*..*..*..*\"")]
    [InlineData("filter", "\"where\":{\"path\":\"$..*..*..*..*..*..*\",\"op\":\"exists\"}")]
    public async Task InvokeAsync_ExplodingPath_IsRefused(string operation, string rest)
    {
        ITool small = Skill.Create(JsonTransformTool.Definition, ToolPolicy.GrantAll with { MaxMemoryBytes = 1 << 20 });
        string deep = string.Concat(Enumerable.Repeat("[[0],", 40)) + "1" + new string(']', 40);

        StepError error = (await small.Run($$"""{"operation":"{{operation}}","data":[{{deep}},[{{deep}}]],{{rest}}}""")).Error!;

        Assert.Equal("RESULT_TOO_LARGE", error.Code);
        Assert.False(error.Retryable);
    }

    [Fact]
    public async Task InvokeAsync_OutputAboveThePolicysMemory_IsRefused()
    {
        ITool small = Skill.Create(JsonTransformTool.Definition, ToolPolicy.GrantAll with { MaxMemoryBytes = 1 << 20 });
        string path = "$['" + string.Join("','", Enumerable.Repeat("a", 1_000)) + "']";

        StepError error = (await small.Run($$"""{"operation":"extract","data":{"a":"{{new string('x', 1_000)}}"},"path":"{{path}}"}""")).Error!;

        Assert.Contains("outgrows", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InvokeAsync_ComparingLongTextsOftenEnough_IsRefused()
    {
        string text = new('x', 5_000);
        string tests = string.Join(',', Enumerable.Repeat($$"""{"op":"contains","value":"{{text}}y" }""", 200));
        string data = string.Join(',', Enumerable.Repeat($"\"{text}\"", 200));

        StepError error = (await _transform.Run($$"""{"operation":"filter","data":[{{data}}],"where":{"any":[{{tests}}] } }""")).Error
            ?? throw new InvalidOperationException("200 × 200 comparisons of 5,000 characters went through");

        Assert.Equal("RESULT_TOO_LARGE", error.Code);
    }

    [Fact]
    public async Task InvokeAsync_SameInputOften_GivesTheSameBytes()
    {
        const string Input = """{"operation":"merge","data":{"z":1.50,"a":{"k":"é\u00e9"}},"with":{"a":{"n":[1,2]}}}""";
        byte[] first = Encoding.UTF8.GetBytes((await _transform.Run(Input)).Text());

        for (int i = 0; i < 1_000; i++)
            Assert.True((await _transform.Run(Input)).Output.Span.SequenceEqual(first));
    }
}
