using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Secrets;

namespace AgentFlow.Engine.Tests.Secrets;

public sealed class SecretMaskTests
{
    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private const string Secret = "s3cr=t/\"é +&<key>\\end";

    private static SecretMask Mask(params string[] values)
    {
        var mask = new SecretMask();
        mask.Add(values.Select((v, i) => ($"secret://s{i}", v)));
        return mask;
    }

    private static IEnumerable<string> Shapes(string value, string before, string after)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(value);
        yield return value;
        yield return JsonEncodedText.Encode(value).ToString();
        yield return JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(value);
        yield return JsonEncodedText.Encode(JsonSerializer.Serialize(value)).ToString();
        yield return JsonEncodedText.Encode(JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(value)).ToString();
        yield return JsonEncodedText.Encode(JsonEncodedText.Encode(Uri.EscapeDataString(value)).ToString()).ToString();
        yield return string.Concat(value.Select(c => $"\\u{(int)c:x4}"));
        yield return JsonEncodedText.Encode(Convert.ToBase64String(utf8)).ToString();
        yield return "key_" + Convert.ToBase64String(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new { a = before, value })));
        yield return Convert.ToHexString(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new { value, after })));
        yield return WebUtility.HtmlEncode(JsonSerializer.Serialize(value));
        yield return JsonSerializer.Serialize(WebUtility.HtmlEncode(JsonSerializer.Serialize(value)));
        yield return Uri.EscapeDataString(JsonSerializer.Serialize(value));
        yield return Uri.EscapeDataString(value);
        yield return WebUtility.UrlEncode(value);
        yield return WebUtility.HtmlEncode(value);
        yield return Convert.ToHexString(utf8);
        yield return Convert.ToHexStringLower(utf8);
        yield return Convert.ToBase64String(utf8);
        yield return Convert.ToBase64String(Encoding.UTF8.GetBytes(before + value + after));
        yield return Uri.EscapeDataString(Convert.ToBase64String(Encoding.UTF8.GetBytes(before + value + after)));
        yield return Convert.ToBase64String(Encoding.UTF8.GetBytes(before + value + after)).Replace('+', '-').Replace('/', '_').TrimEnd('=');
    }

    [Fact]
    public void Text_RandomSecretsInEveryShape_HoldNoneAfterwards()
    {
        ulong seed = (ulong)Random.Shared.NextInt64();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new SeededRandom(seed);
        const string alphabet = "abcXYZ019+/=&%\"'<>\\é漢 \u0001-_.~";
        string Word(int length) => string.Concat(Enumerable.Range(0, length).Select(_ => alphabet[(int)(random.NextUInt64() % (ulong)alphabet.Length)]));
        for (int i = 0; i < 300; i++)
        {
            string secret = Word(8 + (int)(random.NextUInt64() % 40));
            SecretMask mask = Mask(secret);
            string before = Word((int)(random.NextUInt64() % 5));
            string after = Word((int)(random.NextUInt64() % 5));
            foreach (string shape in Shapes(secret, before, after))
            {
                string masked = mask.Text($"x {shape} y");
                Assert.True(masked.Contains("[masked secret", StringComparison.Ordinal) && !masked.Contains(secret, StringComparison.Ordinal), $"seed {seed}, number {i}: '{shape}' of '{secret}' became '{masked}'");

                // What is left is what stood around it, encoded as it was, and of Base64 the digits that its neighbours decide.
                Assert.True(masked.Length - "x [masked secret://s0] y".Length <= 150, $"seed {seed}: {masked}");
            }
        }
    }

    [Theory]
    [InlineData("""{"a":"Bearer VALUE","VALUE":[1,"x"],"nested":"{\"k\":\"VALUE\"}"}""")]
    [InlineData("\"VALUE\"")]
    public void Json_Value_StaysJsonWithoutTheSecret(string template)
    {
        SecretMask mask = Mask(Secret);
        string escaped = JsonEncodedText.Encode(Secret).ToString();
        byte[] json = Encoding.UTF8.GetBytes(template.Replace("\\\"VALUE\\\"", JsonEncodedText.Encode($"\"{escaped}\"").ToString(), StringComparison.Ordinal).Replace("VALUE", escaped, StringComparison.Ordinal));
        ReadOnlyMemory<byte> masked = mask.Json(json);
        JsonElement read = JsonElement.Parse(masked.Span);
        string flat = JsonSerializer.Serialize(read, Relaxed);
        Assert.DoesNotContain("s3cr=t", flat, StringComparison.Ordinal);
        Assert.Contains("[masked secret://s0]", flat, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_NumberThatIsTheSecret_BecomesAText()
    {
        ReadOnlyMemory<byte> masked = Mask("4711471147").Json("""{"pin":4711471147,"other":1.50,"t":true,"n":null}"""u8.ToArray());
        Assert.Equal("""{"pin":"[masked secret://s0]","other":1.50,"t":true,"n":null}""", Encoding.UTF8.GetString(masked.Span));
    }

    [Fact]
    public void Json_WithoutSecret_IsTheSameMemory()
    {
        byte[] json = Encoding.UTF8.GetBytes("""{ "a" : "x\ny" }""");
        Assert.Equal(json, Mask(Secret).Json(json));
        Assert.Equal(json, new SecretMask().Json(json));
    }

    [Fact]
    public void Text_OneSecretBeginsAnother_MasksTheWholeOfIt()
    {
        SecretMask mask = Mask("abcdefgh", "abcdefghijkl");
        Assert.Equal("[masked secret://s1] [masked secret://s0]x", mask.Text("abcdefghijkl abcdefghx"));
    }

    [Theory]
    [InlineData("answered 500: token abcdefghij")]
    [InlineData("answered 500: token abcdefghij…")]
    [InlineData("\"abcdef...")]
    public void Text_SecretCutOffAtTheEnd_IsMasked(string text)
    {
        string masked = Mask("abcdefghijklmnop").Text(text);
        Assert.DoesNotContain("abcdef", masked, StringComparison.Ordinal);
        Assert.Contains("[masked secret://s0]", masked, StringComparison.Ordinal);
    }

    [Fact]
    public void Text_KeyOfManyLines_IsMaskedLineByLine()
    {
        SecretMask mask = Mask("-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEG\nCCqGSM49AwEHBG0wawIBAQQg\n-----END PRIVATE KEY-----");
        Assert.DoesNotContain("CCqGSM49AwEHBG0wawIBAQQg", mask.Text("a line: CCqGSM49AwEHBG0wawIBAQQg"), StringComparison.Ordinal);
        Assert.Equal("-----BEGIN PRIVATE KEY----- of somebody else", mask.Text("-----BEGIN PRIVATE KEY----- of somebody else"));
    }

    [Fact]
    public void Add_ShortValue_MasksNothing()
    {
        SecretMask mask = Mask("abc");
        Assert.True(mask.IsEmpty);
        Assert.Equal("abc", mask.Text("abc"));
    }

    [Fact]
    public void Add_RotatedOften_KnowsTheLastOnes()
    {
        var mask = new SecretMask();
        for (int i = 0; i < 20; i++)
        {
            mask.Add([("secret://r", $"value-number-{i:00}")]);
        }

        Assert.Equal("[masked secret://r] [masked secret://r] value-number-01", mask.Text("value-number-19 value-number-13 value-number-01"));
    }
}
