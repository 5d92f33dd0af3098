using System.Text.RegularExpressions;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Server.Tests.Configuration;

public sealed partial class SettingSchemaTests
{
    [GeneratedRegex("\"(AF_[A-Z_]+)\"")]
    private static partial Regex Name { get; }

    private static string Root
    {
        get
        {
            string folder = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(folder, "AgentFlow.slnx")))
            {
                folder = Path.GetDirectoryName(folder)!;
            }

            return folder;
        }
    }

    [Fact]
    public void Page_IsTheSchemas() =>
        Assert.Equal(SettingReference.Markdown(), File.ReadAllText(Path.Combine(Root, "docs", "reference", "settings.md")));

    [Fact]
    public void EveryName_ThatTheSourcesRead_IsASetting()
    {
        string[] read = [.. Directory.GetFiles(Path.Combine(Root, "src"), "*.cs", SearchOption.AllDirectories).SelectMany(f => Name.Matches(File.ReadAllText(f))).Select(m => m.Groups[1].Value).Distinct()];
        Assert.True(read.Length > 30);
        // These are two ways to let a test choose; nobody sets them.
        Assert.DoesNotContain(read, n => SettingSchema.Find(n) is null && !SettingSchema.All.Any(s => s.IsFamily && s.Name == n) && n is not ("AF_CRASH_POINT" or "AF_FAULTS"));
    }

    [Fact]
    public void Defaults_AreValues() => Assert.All(SettingSchema.All.Where(s => s.Default.Length > 0), s => Assert.Null(s.Problem(s.Default)));

    [Fact]
    public void Names_AreUnique() => Assert.Equal(SettingSchema.All.Count, SettingSchema.All.Select(s => s.Name).Distinct().Count());

    [Theory]
    [InlineData("max_steps: 0", ":1:12: max_steps is '0': write a whole number from 1 to 100000")]
    [InlineData("# x\nlease:   10m", ":2:10: lease is '10m': write seconds from 1 to 3600")]
    [InlineData("secret_api: abc", ":1:1: 'secret_api' would keep a secret in the clear")]
    [InlineData("vault_token: abc", ":1:1: 'vault_token' would keep a secret in the clear")]
    [InlineData("audit_webhook: ftp://token-1/", ":1:16: audit_webhook: it is no address")]
    public void File_ImpossibleValue_NamesLineColumnAndRemedy(string yaml, string problem)
    {
        string folder = Directory.CreateTempSubdirectory("agentflow-options-").FullName;
        File.WriteAllText(Path.Combine(folder, "agentflow.yml"), yaml);
        OptionsException e = Assert.Throws<OptionsException>(() => ServerOptions.From(Settings.Load(_ => null, [], folder)));
        Directory.Delete(folder, recursive: true);
        Assert.Contains("agentflow.yml" + problem, Assert.Single(e.Problems), StringComparison.Ordinal);
        Assert.DoesNotContain("abc", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("token-1", e.Message, StringComparison.Ordinal);
    }
}
