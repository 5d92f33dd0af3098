using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Server.Http;
using FsCheck;
using FsCheck.Fluent;

namespace AgentFlow.Server.Tests.Http;

public sealed class StrictJsonTests
{
    [Theory]
    [InlineData("""{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}""")]
    [InlineData("[]")]
    [InlineData("\"\\ud83d\\ude00\"")]
    [InlineData(" 1 ")]
    public void Check_StrictJson_Passes(string json) => Assert.Null(Fault(json));

    [Theory]
    [InlineData("""{"a":1,"a":2}""", 1, 8, "'a' stands twice")]
    [InlineData("{\"a\":1,\n \"\\u0061\":2}", 2, 2, "'a' stands twice")]
    [InlineData("""[{"é":1,"x":{"y":1,"y":2}}]""", 1, 20, "'y' stands twice")]
    [InlineData("{\"a\":\n tru}", 2, 5, "invalid")]
    [InlineData("{} {}", 1, 4, "invalid")]
    [InlineData("\"\\ud83d\"", 1, 1, "half of a surrogate pair")]
    [InlineData("{\"\\udc00\":1}", 1, 2, "half of a surrogate pair")]
    [InlineData("\uFEFF{}", 1, 1, "byte order mark")]
    [InlineData("", 1, 1, "")]
    public void Check_Fault_NamesItsPlace(string json, int line, int column, string words)
    {
        ProblemEntry fault = Fault(json)!;
        Assert.Equal((line, column), (fault.Line, fault.Column));
        Assert.Contains(words, fault.Message);
    }

    [Fact]
    public void Check_InvalidUtf8_NamesTheFirstByte()
    {
        byte[] json = [.. "{\"é\":\n \""u8, 0xC3, 0x28, .. "\"}"u8];
        ProblemEntry fault = Fault(json)!;
        Assert.Equal((2, 3), (fault.Line, fault.Column));
        Assert.Contains("not UTF-8", fault.Message);
    }

    [Theory]
    [InlineData(StrictJson.MaxDepth, true)]
    [InlineData(StrictJson.MaxDepth + 1, false)]
    [InlineData(100_000, false)]
    public void Check_Depth_HasALimit(int depth, bool passes)
    {
        string json = new string('[', depth) + new string(']', depth);
        Assert.Equal(passes, Fault(json) is null);
    }

    [Theory]
    [InlineData(9)]
    [InlineData(1000)]
    public void Check_LargeObject_FindsTheDuplicate(int names)
    {
        var json = new StringBuilder("{");
        for (int i = 0; i < names; i++)
        {
            json.Append($"\"n{i}\":{i},");
        }

        string unique = json + "\"last\":0}";
        string twice = json + "\"n3\":0}";
        Assert.Null(Fault(unique));
        Assert.Equal(twice.LastIndexOf("\"n3\"", StringComparison.Ordinal) + 1, Fault(twice)!.Column);
    }

    [Fact]
    public void Check_RandomObjects_AgreesWithTheLibrary()
    {
        // Few different names, plain and escaped, make duplicates common.
        Gen<string> name = Gen.Elements("a", "b", "c", "\\u0061", "é", "\\u00e9", "aa", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8");
        Gen<string> leaf = Gen.Elements("1", "null", "\"x\"", "[]", "{}");
        Gen<string> flat = Members(name, leaf);
        Gen<string> nested = Members(name, Gen.OneOf(leaf, flat));
        Prop.ForAll(nested.ToArbitrary(), json =>
        {
            bool library = true;
            try
            {
                using var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            }
            catch (JsonException)
            {
                library = false;
            }

            Assert.Equal(library, Fault(json) is null);
        }).QuickCheckThrowOnFailure();
    }

    private static Gen<string> Members(Gen<string> name, Gen<string> value) =>
        (from n in name from v in value select $"\"{n}\":{v}").ListOf().Select(m => "{" + string.Join(",", m) + "}");

    private static ProblemEntry? Fault(string json) => Fault(Encoding.UTF8.GetBytes(json));

    private static ProblemEntry? Fault(byte[] json)
    {
        try
        {
            StrictJson.Check(json);
            return null;
        }
        catch (ProblemException e)
        {
            Assert.Equal(ErrorCode.JsonInvalid.Code, e.Problem.Code);
            return Assert.Single(e.Problem.Errors!);
        }
    }
}
