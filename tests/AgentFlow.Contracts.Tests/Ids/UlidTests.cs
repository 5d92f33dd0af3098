using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;

namespace AgentFlow.Contracts.Tests.Ids;

public sealed class UlidTests
{
    private const string Last = "7ZZZZZZZZZZZZZZZZZZZZZZZZZ";

    [Theory]
    [InlineData("00000000000000000000000000", "00000000000000000000000000000000")]
    [InlineData("00000000000000000000000001", "00000000000000000000000000000001")]
    [InlineData(Last, "ffffffffffffffffffffffffffffffff")]
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FAV", "01563e3ab5d3d6764c61efb99302bd5b")]
    public void Parse_KnownText_GivesItsBytesAndBack(string text, string hex)
    {
        Ulid id = Ulid.Parse(text);
        Assert.Equal(hex, Convert.ToHexStringLower(id.ToByteArray()));
        Assert.Equal(text, id.ToString());
        Assert.Equal(id, new Ulid(Convert.FromHexString(hex)));
    }

    [Fact]
    public void Parse_LowerCase_IsTheSameId() =>
        Assert.Equal(Ulid.Parse("01ARZ3NDEKTSV4RRFFQ69G5FAV"), Ulid.Parse("01arz3ndektsv4rrffq69g5fav"));

    [Theory]
    [InlineData("")]
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FA")]
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FAV0")]
    [InlineData("80000000000000000000000000")]
    [InlineData("ZZZZZZZZZZZZZZZZZZZZZZZZZZ")]
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FAI")]
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FAL")]
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FAO")]
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FAu")]
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FA-")]
    [InlineData("01ARZ3NDEKTSV4RRFFQ69G5FA\u0130")]
    [InlineData(" 1ARZ3NDEKTSV4RRFFQ69G5FAV")]
    public void TryParse_NotAUlid_IsFalse(string text)
    {
        Assert.False(Ulid.TryParse(text, out Ulid value));
        Assert.Equal(default, value);
        Assert.Contains("is not a ULID", Assert.Throws<FormatException>(() => Ulid.Parse(text)).Message);
    }

    [Fact]
    public void TryParse_Null_IsFalse() => Assert.False(Ulid.TryParse(null, out _));

    [Fact]
    public void Parse_HugeText_IsShortenedInTheMessage() =>
        Assert.InRange(Assert.Throws<FormatException>(() => Ulid.Parse(new string('A', 1_000_000))).Message.Length, 1, 300);

    [Fact]
    public void CompareTo_RandomPairs_AgreesWithBytesAndTexts()
    {
        const ulong seed = 20261120;
        var random = new SeededRandom(seed);
        byte[] one = new byte[16], two = new byte[16];
        for (int i = 0; i < 10_000; i++)
        {
            random.Fill(one);
            random.Fill(two);
            if (i % 2 == 0) one.AsSpan(0, i % 16).CopyTo(two);

            var a = new Ulid(one);
            var b = new Ulid(two);
            int order = Math.Sign(one.AsSpan().SequenceCompareTo(two));
            Assert.Equal(order, Math.Sign(a.CompareTo(b)));
            Assert.Equal(order, Math.Sign(string.CompareOrdinal(a.ToString(), b.ToString())));
            Assert.Equal(order < 0, a < b);
            Assert.Equal(order >= 0, a >= b);
            Assert.Equal(order == 0, a == b);
            Assert.Equal(a, Ulid.Parse(a.ToString()));
        }
    }

    [Fact]
    public void Constructor_Parts_AreReadBack()
    {
        var id = new Ulid(1_469_918_176_385, 0x0102, 0x0304050607080910);
        Assert.Equal(1_469_918_176_385, id.UnixMilliseconds);
        Assert.Equal("01020304050607080910", Convert.ToHexStringLower(id.ToByteArray()[6..]));
        Assert.StartsWith("01ARYZ6S41", id.ToString());
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(Ulid.MaxUnixMilliseconds + 1)]
    public void Constructor_TimeOutOfRange_Throws(long milliseconds) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new Ulid(milliseconds, 0, 0));

    [Theory]
    [InlineData(0)]
    [InlineData(15)]
    [InlineData(17)]
    public void Constructor_WrongByteCount_Throws(int length) => Assert.Throws<ArgumentException>(() => new Ulid(new byte[length]));

    [Fact]
    public void TryFormat_ShortDestination_IsFalseAndWritesNothing()
    {
        Ulid id = Ulid.Parse(Last);
        char[] chars = new char[25];
        byte[] bytes = new byte[25];
        Assert.False(id.TryFormat(chars.AsSpan(), out int written));
        Assert.Equal(0, written);
        Assert.False(id.TryFormat(bytes.AsSpan(), out written));
        Assert.Equal(0, written);
        Assert.False(id.TryWriteBytes(new byte[15]));
        Assert.All(chars, c => Assert.Equal('\0', c));
    }

    [Fact]
    public void TryFormat_Utf8AndInterpolation_GiveTheText()
    {
        Ulid id = Ulid.Parse("01ARZ3NDEKTSV4RRFFQ69G5FAV");
        byte[] bytes = new byte[30];
        Assert.True(id.TryFormat(bytes.AsSpan(), out int written));
        Assert.Equal("01ARZ3NDEKTSV4RRFFQ69G5FAV", Encoding.ASCII.GetString(bytes, 0, written));
        Assert.Equal("run 01ARZ3NDEKTSV4RRFFQ69G5FAV", $"run {id}");
    }

    [Fact]
    public void Json_ValueAndKey_RoundTrip()
    {
        var ids = new Dictionary<Ulid, Ulid> { [Ulid.Parse(Last)] = Ulid.Parse("01ARZ3NDEKTSV4RRFFQ69G5FAV") };
        string json = JsonSerializer.Serialize(ids);
        Assert.Equal($$"""{"{{Last}}":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}""", json);
        Assert.Equal(ids, JsonSerializer.Deserialize<Dictionary<Ulid, Ulid>>(json));
    }

    [Theory]
    [InlineData("""["8ZZZZZZZZZZZZZZZZZZZZZZZZZ"]""")]
    [InlineData("[12]")]
    [InlineData("[null]")]
    public void Json_NotAUlid_SaysWhere(string json)
    {
        JsonException e = Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<Ulid[]>(json));
        Assert.Contains("ULID", e.Message);
        Assert.Equal("$[0]", e.Path);
    }
}
