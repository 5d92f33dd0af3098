using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Secrets;

public sealed class SecretsCommandTests
{
    [Fact]
    public async Task Secrets_SetRotateStatusRemove_ShowNoValue()
    {
        using var af = new Af();
        AfResult set = await af.RunAsync("first-value\n", ["secrets", "set", "api", "--rotate-every", "90d"]);
        Assert.True(set.Code == 0, $"{set}");
        Assert.StartsWith("secret://api is kept in file, due ", set.Out, StringComparison.Ordinal);
        Assert.Equal(0, (await af.RunAsync("anna-anna\nlong-password\n", ["secrets", "set", "db", "--field", "user-name", "--field", "password"])).Code);
        Assert.Equal(0, (await af.RunAsync("second-value\n", ["secrets", "rotate", "api"])).Code);
        AfResult listed = await af.RunAsync("secrets", "list", "-o", "json");
        JsonElement[] secrets = [.. JsonElement.Parse(listed.Out).EnumerateArray()];
        Assert.Equal(["api", "db"], secrets.Select(s => s.GetProperty("name").GetString()));
        Assert.Equal(("2", "ok"), (secrets[0].GetProperty("version").GetString(), secrets[0].GetProperty("status").GetString()));
        Assert.Equal(["password", "user-name"], secrets[1].GetProperty("fields").EnumerateArray().Select(f => f.GetString()));
        AfResult status = await af.RunAsync("secrets", "status");
        Assert.Equal(0, status.Code);
        Assert.Contains("unscheduled", status.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("value", listed.Out + status.Out, StringComparison.Ordinal);
        Assert.Equal(0, (await af.RunAsync("secrets", "remove", "db")).Code);
        Assert.Single(JsonElement.Parse((await af.RunAsync("secrets", "list", "-o", "json")).Out).EnumerateArray());
    }

    [Fact]
    public async Task Status_OverdueSecret_FailsAndSaysSo()
    {
        using var af = new Af();
        await af.RunAsync("first-value\n", ["secrets", "set", "api", "--rotate-every", "0.000001"]);
        AfResult status = await af.RunAsync("secrets", "status");
        Assert.Equal(1, status.Code);
        Assert.Contains("overdue", status.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "there is no value", "secrets", "set", "api")]
    [InlineData("one-line\n", "2 fields are named and 1 lines", "secrets", "set", "api", "--field", "a", "--field", "b")]
    public async Task Set_WithoutUsableValue_IsMisuse(string input, string words, params string[] arguments)
    {
        using var af = new Af();
        AfResult result = await af.RunAsync(input, arguments);
        Assert.Equal(2, result.Code);
        Assert.Contains(words, result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rotate_UnknownSecret_Fails()
    {
        using var af = new Af();
        AfResult result = await af.RunAsync("long-enough\n", ["secrets", "rotate", "nobody"]);
        Assert.Equal(1, result.Code);
        Assert.Contains("SECRET_NOT_FOUND", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("long-enough", result.Error, StringComparison.Ordinal);
    }
}
