using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Json;
using AgentFlow.Contracts.Randomness;

namespace AgentFlow.Contracts.Tests.Json;

/// <summary>Random documents against a second, plain implementation: parse, sort by ordinal string order, print.</summary>
public sealed class CanonicalJsonPropertyTests
{
    private const string Characters = "ab\u0001\n\"\\/é€\u0080\uE000\uFB33\uFFFD😀𝄞<& ";

    [Fact]
    public void Canonicalize_RandomDocuments_AgreesWithThePlainImplementation()
    {
        for (ulong seed = 1; seed <= 2_000; seed++)
        {
            var random = new SeededRandom(seed);
            var text = new StringBuilder();
            Value(random, text, 5);
            byte[] input = Encoding.UTF8.GetBytes(text.ToString());
            byte[] actual = CanonicalJson.Canonicalize(input);
            using JsonDocument document = JsonDocument.Parse(input);

            Assert.True(Print(document.RootElement) == Encoding.UTF8.GetString(actual), $"seed {seed}: {text}");
            Assert.True(actual.AsSpan().SequenceEqual(CanonicalJson.Canonicalize(actual)), $"seed {seed}: not idempotent");
        }
    }

    [Fact]
    public void Canonicalize_RandomBytes_NeverThrowsAnythingElse()
    {
        const ulong seed = 7;
        var random = new SeededRandom(seed);
        const string alphabet = "{}[]\",:0123456789eE+-.\\u dD8nulltruefals \n\t\u00ff";
        int accepted = 0;
        for (int i = 0; i < 50_000; i++)
        {
            char[] chars = new char[random.NextUInt64() % 12];
            for (int j = 0; j < chars.Length; j++) chars[j] = alphabet[(int)(random.NextUInt64() % (ulong)alphabet.Length)];
            byte[] input = Encoding.Latin1.GetBytes(chars);
            try
            {
                byte[] output = CanonicalJson.Canonicalize(input);
                accepted++;
                Assert.Equal(output, CanonicalJson.Canonicalize(output));
            }
            catch (CanonicalJsonException e)
            {
                Assert.InRange(e.Offset, 0, input.Length);
            }
        }

        Assert.NotEqual(0, accepted);
    }

    private static void Value(SeededRandom random, StringBuilder text, int depth)
    {
        switch (Pick(random, depth == 0 ? 4 : 7))
        {
            case 0: text.Append(Pick(random, 2) == 0 ? "null" : "true"); break;
            case 1: text.Append((long)random.NextUInt64() >> (Pick(random, 50) + 14)); break;
            case 2: text.Append(Pick(random, 1000)).Append('.').Append(Pick(random, 100)).Append("e1"); break;
            case 3: Text(random, text, Pick(random, 8)); break;
            case 4: List(random, text, '[', ']', () => Value(random, text, depth - 1)); break;
            default:
                int n = 0;
                List(random, text, '{', '}', () =>
                {
                    // A number makes the name unique; where it stands varies, so that names still sort by their characters.
                    Text(random, text, 1 + Pick(random, 3), n++);
                    text.Append(" :");
                    Value(random, text, depth - 1);
                });
                break;
        }
    }

    private static void List(SeededRandom random, StringBuilder text, char open, char close, Action item)
    {
        text.Append(open);
        for (int i = Pick(random, 6); i > 0; i--)
        {
            item();
            if (i > 1) text.Append(" ,\n");
        }

        text.Append(close);
    }

    private static void Text(SeededRandom random, StringBuilder text, int length, int? suffix = null)
    {
        Rune[] runes = [.. Characters.EnumerateRunes()];
        text.Append('"');
        for (int i = 0; i < length; i++)
        {
            Rune rune = runes[Pick(random, runes.Length)];
            bool escape = rune.Value is < 0x20 or '"' or '\\' || Pick(random, 4) == 0;
            foreach (char c in rune.ToString())
            {
                if (escape) text.Append("\\u").Append(((int)c).ToString("X4"));
                else text.Append(c);
            }
        }

        text.Append(suffix is { } n ? $"#{n}" : "").Append('"');
    }

    private static int Pick(SeededRandom random, int below) => (int)(random.NextUInt64() % (ulong)below);

    private static string Print(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => "{" + string.Join(",", element.EnumerateObject()
            .OrderBy(m => m.Name, StringComparer.Ordinal).Select(m => Print(m.Name) + ":" + Print(m.Value))) + "}",
        JsonValueKind.Array => "[" + string.Join(",", element.EnumerateArray().Select(Print)) + "]",
        JsonValueKind.String => Print(element.GetString()!),
        JsonValueKind.Number => Print(element.GetDouble()),
        _ => element.GetRawText(),
    };

    // Below 10^15 and above 10^-5 .NET writes as ECMAScript does; EcmaScriptNumberTests has the other ranges.
    private static string Print(double value) => value == 0 ? "0" : value.ToString("R");

    private static string Print(string value)
    {
        var text = new StringBuilder("\"");
        foreach (char c in value)
        {
            text.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                < ' ' => $"\\u{(int)c:x4}",
                _ => c.ToString(),
            });
        }

        return text.Append('"').ToString();
    }
}
