using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Json;
using AgentFlow.Contracts.Tools;

namespace AgentFlow.Contracts.Tests.Tools;

public sealed class StructuredOutcomeTests
{
    private static readonly OutcomeMeta Meta = new(
        "call-1", "skill.echo", "1.2.0", DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddSeconds(1.5), 1.5, new string('0', 64), 0.25m);

    [Fact]
    public void ToCanonicalJson_Success_HasEveryMemberOfTheContract()
    {
        var outcome = new StructuredOutcome { Id = "o1", Ok = true, Result = JsonElement.Parse("""{"b":1,"a":2}"""), Meta = Meta };
        const string meta =
            """{"call_id":"call-1","cost_cents":0.25,"duration_s":1.5,"ended_at":"1970-01-01T00:00:01.5Z","inputs_hash":"0000000000000000000000000000000000000000000000000000000000000000","skill_id":"skill.echo","skill_version":"1.2.0","started_at":"1970-01-01T00:00:00Z"}""";
        string expected = $$$"""{"error":null,"id":"o1","meta":{{{meta}}},"ok":true,"result":{"a":2,"b":1}}""";
        Assert.Equal(expected, Encoding.UTF8.GetString(outcome.ToCanonicalJson()));
        Assert.Equal(CanonicalJson.Hash(Encoding.UTF8.GetBytes(expected)), outcome.ContentHash());
    }

    [Theory]
    [InlineData(ErrorCategory.Transient, true)]
    [InlineData(ErrorCategory.Resource, true)]
    [InlineData(ErrorCategory.Permanent, false)]
    [InlineData(ErrorCategory.Permission, false)]
    [InlineData(ErrorCategory.Validation, false)]
    public void Json_Failure_CarriesCategoryAndRetryability(ErrorCategory category, bool retryable)
    {
        var outcome = new StructuredOutcome { Id = "o1", Ok = false, Error = OutcomeError.Of("X_FAILED", category, "no"), Meta = Meta };
        using JsonDocument document = JsonDocument.Parse(JsonSerializer.Serialize(outcome, WireJson.Default.StructuredOutcome));
        JsonElement error = document.RootElement.GetProperty("error");
        Assert.Equal(category.Word(), error.GetProperty("category").GetString());
        Assert.Equal(retryable, error.GetProperty("retryable").GetBoolean());
        Assert.Equal(JsonValueKind.Null, error.GetProperty("details").ValueKind);
        Assert.Equal(JsonValueKind.Null, document.RootElement.GetProperty("result").ValueKind);
        Assert.Equal(outcome.Error, JsonSerializer.Deserialize(document, WireJson.Default.StructuredOutcome)!.Error);
    }

    [Fact]
    public void ContentHash_KeyOrderOfTheResult_DoesNotMatter()
    {
        StructuredOutcome Outcome(string result) => new() { Id = "o1", Ok = true, Result = JsonElement.Parse(result), Meta = Meta };
        Assert.Equal(Outcome("""{"a":{"x":1,"y":2.0},"b":3}""").ContentHash(), Outcome("""{"b":3,"a":{"y":2,"x":1}}""").ContentHash());
        Assert.NotEqual(Outcome("""{"a":1}""").ContentHash(), Outcome("""{"a":2}""").ContentHash());
    }

    [Fact]
    public void ResourceContract_OnlyTheId_TakesTheDefaults()
    {
        ResourceContract contract = JsonSerializer.Deserialize("""{"resource_id":"r"}""", WireJson.Default.ResourceContract)!;
        Assert.Equal(new ResourceContract("r", 1000, 60, 5, "1.0"), contract);
        Assert.Equal(
            """{"resource_id":"r","budget_cents":1000,"rate_limit_per_min":60,"max_concurrent":5,"schema_version":"1.0"}""",
            JsonSerializer.Serialize(contract, WireJson.Default.ResourceContract));
    }

    [Fact]
    public void ResourceContract_WithoutId_IsRefused() =>
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize("{}", WireJson.Default.ResourceContract));
}
