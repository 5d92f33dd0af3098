using System.Text;
using AgentFlow.Cli.Workflows;
using AgentFlow.Client;
using AgentFlow.Contracts.Tools;

namespace AgentFlow.Cli.Tests.Workflows;

public sealed class WorkflowVersionsTests
{
    private static readonly DateTimeOffset Now = DateTimeOffset.FromUnixTimeSeconds(1_800_000_000);

    [Theory]
    [InlineData("1.2.0")]
    [InlineData("1.2.0-rc.1")]
    public void Local_AnyVersion_IsNeverTheNewest(string version) =>
        Assert.True(SemanticVersion.Parse(WorkflowVersions.Local(version, Upload("a"))) < SemanticVersion.Parse(version));

    [Fact]
    public void Local_Content_DecidesAlone()
    {
        Assert.Equal(WorkflowVersions.Local("1.0.0", Upload("a")), WorkflowVersions.Local("1.0.0", Upload("a")));
        Assert.NotEqual(WorkflowVersions.Local("1.0.0", Upload("a")), WorkflowVersions.Local("1.0.0", Upload("b")));
        Assert.NotEqual(WorkflowVersions.Local("1.0.0", Upload("a")), WorkflowVersions.Local("1.0.0", Upload("a", "data")));
    }

    [Theory]
    [InlineData("1.2.0", "1.2.1")]
    [InlineData("1.2.0-rc.1", "1.2.0-rc.2")]
    public void Development_AnyVersion_IsNewerUntilTheNextOne(string version, string next)
    {
        SemanticVersion first = SemanticVersion.Parse(WorkflowVersions.Development(version, Now));
        SemanticVersion second = SemanticVersion.Parse(WorkflowVersions.Development(version, Now.AddSeconds(1)));
        Assert.True(SemanticVersion.Parse(version) < first && first < second && second < SemanticVersion.Parse(next), $"{first} {second}");
    }

    private static WorkflowUpload Upload(string yaml, string? asset = null) => new(
        yaml, "w.yaml", asset is null ? new Dictionary<string, ReadOnlyMemory<byte>>() : new Dictionary<string, ReadOnlyMemory<byte>> { ["a"] = Encoding.UTF8.GetBytes(asset) });
}
