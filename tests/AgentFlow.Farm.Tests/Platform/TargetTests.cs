using AgentFlow.Farm.Platform;

namespace AgentFlow.Farm.Tests.Platform;

public sealed class TargetTests
{
    [Theory]
    [InlineData("http://127.0.0.1:8000", "http://127.0.0.1:8000/api/v1")]
    [InlineData("https://aoa.example/", "https://aoa.example/api/v1")]
    [InlineData(" http://host/base/ ", "http://host/base/api/v1")]
    [InlineData("http://host/base", "http://host/base/api/v1")]
    public void TryParse_AnAddress_PutsThePathsBelowIt(string address, string expected)
    {
        Assert.True(Target.TryParse(address, null, out Target? target, out _));
        Assert.Equal(expected, target.At("api/v1").ToString());
        Assert.Equal("stress-test-tenant", target.Tenant);
    }

    [Theory]
    [InlineData(null, null, "target_url is ''")]
    [InlineData("aoa:8000", null, "target_url is 'aoa:8000'")]
    [InlineData("ftp://host", null, "target_url is 'ftp://host'")]
    [InlineData("file:///etc/passwd", null, "target_url is")]
    [InlineData("http://user:secret@host", null, "no user")]
    [InlineData("http://host/?a=b", null, "no query")]
    [InlineData("http://host", "a\r\nX-Evil: 1", "tenant_id takes")]
    [InlineData("http://host", "é", "tenant_id takes")]
    public void TryParse_SomethingElse_IsExplained(string? address, string? tenant, string problem)
    {
        Assert.False(Target.TryParse(address, tenant, out _, out string? said));
        Assert.Contains(problem, said, StringComparison.Ordinal);
    }
}
