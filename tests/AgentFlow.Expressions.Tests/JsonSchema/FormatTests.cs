using System.Text.Json;
using AgentFlow.Expressions.JsonSchema;
using Schema = AgentFlow.Expressions.JsonSchema.JsonSchema;

namespace AgentFlow.Expressions.Tests.JsonSchema;

public sealed class FormatTests
{
    private static readonly JsonSchemaOptions Asserting = new() { AssertFormat = true };

    [Theory]
    [InlineData("date-time", "2026-02-28T23:59:59.5Z", "2026-02-29T00:00:00Z")]
    [InlineData("date-time", "2024-02-29t00:00:00+05:30", "2026-01-01 00:00:00Z")]
    [InlineData("date-time", "1990-12-31T15:59:60-08:00", "1990-12-31T15:58:60-08:00")]
    [InlineData("date", "2000-02-29", "1900-02-29")]
    [InlineData("date", "2026-12-31", "2026-1-1")]
    [InlineData("date", "0000-01-01", "٢026-01-01")]
    [InlineData("time", "23:59:60Z", "24:00:00Z")]
    [InlineData("time", "12:00:00.123+01:00", "12:00:00")]
    [InlineData("duration", "P1Y2M3DT4H5M6S", "P1Y3D")]
    [InlineData("duration", "P4W", "P")]
    [InlineData("duration", "PT5S", "PT")]
    [InlineData("email", "a.b+c@example.com", "a..b@example.com")]
    [InlineData("email", "\"a b\"@example.com", "a b@example.com")]
    [InlineData("email", "a@[127.0.0.1]", "a@[127.0.0.256]")]
    [InlineData("email", "a@[IPv6:::1]", "@example.com")]
    [InlineData("idn-email", "実例@例え.jp", "実例")]
    [InlineData("hostname", "a-b.example", "-a.example")]
    [InlineData("hostname", "xn--bcher-kva.example", "a..b")]
    [InlineData("hostname", "A1", "a_b")]
    [InlineData("ipv4", "192.168.0.1", "192.168.00.1")]
    [InlineData("ipv4", "0.0.0.0", "1.2.3")]
    [InlineData("ipv6", "::", ":::")]
    [InlineData("ipv6", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:9")]
    [InlineData("ipv6", "::ffff:192.0.2.1", "::ffff:192.0.2.256")]
    [InlineData("ipv6", "1::8", "1::2::3")]
    [InlineData("ipv6", "fe80::1", "fe80::1%eth0")]
    [InlineData("uri", "https://u:p@example.com:80/a%20b?c#d", "https://example.com/a b")]
    [InlineData("uri", "urn:example:a", "//example.com")]
    [InlineData("uri", "http://[2001:db8::7]/", "http://[2001:db8::7/")]
    [InlineData("uri", "mailto:a@b", "http://a%zz")]
    [InlineData("uri-reference", "../a?b#c", "a\\b")]
    [InlineData("uri-reference", "", "1a:b")]
    [InlineData("iri", "http://ƒøø.ßår/?∂=πîx#é", "http://a b")]
    [InlineData("iri-reference", "/é", "\\")]
    [InlineData("uri-template", "/a/{b}/{?c,d*}{+e:3}", "/a/{b")]
    [InlineData("uri-template", "", "/{a b}")]
    [InlineData("uuid", "2EB8AA08-aa98-11ea-b4aa-73b441d16380", "2eb8aa08aa9811eab4aa73b441d16380")]
    [InlineData("json-pointer", "/a/~0~1/", "/~2")]
    [InlineData("json-pointer", "", "a")]
    [InlineData("relative-json-pointer", "1/a", "/a")]
    [InlineData("relative-json-pointer", "0#", "01")]
    [InlineData("regex", "^(a|b)$", "(")]
    public void Format_Asserted_TellsGoodFromBad(string format, string good, string bad)
    {
        string schema = $$"""{"format":"{{format}}"}""";
        Assert.True(Check.Valid(schema, JsonSerializer.Serialize(good), Asserting), good);
        Assert.False(Check.Valid(schema, JsonSerializer.Serialize(bad), Asserting), bad);
        Assert.True(Check.Valid(schema, JsonSerializer.Serialize(bad)));
        Assert.True(Check.Valid(schema, "12", Asserting));
    }

    [Fact]
    public void Format_Unknown_StaysAnAnnotation() => Assert.True(Check.Valid("""{"format":"idn-hostname"}""", "\"-\"", Asserting));

    [Fact]
    public void Format_LongHostileTexts_AreDecided()
    {
        string[] formats = ["date-time", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uri-template", "uuid", "json-pointer", "regex"];
        foreach (string format in formats)
        {
            Schema schema = Check.Compile($$"""{"format":"{{format}}"}""", Asserting);
            foreach (char c in (char[])['a', '1', ':', '.', '/', '~', '{', '(', '%', '@', '\\', '"'])
            {
                SchemaResult result = schema.Validate(JsonSerializer.SerializeToElement(new string(c, 20_000)));
                bool expected = (format, c) is ("json-pointer", '/') or ("uri-template", 'a' or '1' or ':' or '.' or '/' or '~' or '@' or '(')
                    or ("regex", 'a' or '1' or ':' or '.' or '/' or '~' or '{' or '%' or '@' or '\\' or '"');
                Assert.True(result.Valid == expected, $"{format} {c}");
            }
        }
    }
}
