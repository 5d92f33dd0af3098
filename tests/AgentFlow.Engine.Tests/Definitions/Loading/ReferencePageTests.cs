using System.Reflection;
using System.Text.RegularExpressions;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.Tests.Definitions.Loading;

/// <summary>docs/reference/workflow-file.md and the loader say the same.</summary>
public partial class ReferencePageTests
{
    private static readonly string Page = File.ReadAllText(Path.Combine(Root(), "docs", "reference", "workflow-file.md"));

    private static readonly Dictionary<string, string> Documented = DiagnosticRow.Matches(Page[Page.IndexOf("\n## Diagnostics", StringComparison.Ordinal)..])
        .ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);

    [Fact]
    public void Table_DiagnosticCodes_AreTheOnesInTheCode()
    {
        IEnumerable<string> codes = typeof(DiagnosticCodes).GetFields(BindingFlags.Public | BindingFlags.Static).Select(f => (string)f.GetRawConstantValue()!);
        Assert.Equal(codes.Order(StringComparer.Ordinal), Documented.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Table_Severities_AreTheOnesThatAreReported()
    {
        var reported = DiagnosticCases.All.SelectMany(c => Loading.Load(Marked.Parse(c).Yaml).Diagnostics).Select(d => (d.Code, d.IsError)).Distinct();
        Assert.All(reported, r => Assert.Equal(r.IsError ? "error" : "warning", Documented[r.Code]));
    }

    [Fact]
    public void Page_EveryKey_IsExplained() =>
        Assert.Equal([], KeySet.All.SelectMany(s => s.Keys).Concat(KeySet.Reserved).Distinct().Where(k => !Regex.IsMatch(Page, $"`{k}`|[`{{ ,]{k}(:|, | }})")));

    [Fact]
    public void Page_EveryNameAndFieldOfExpressions_IsExplained()
    {
        IEnumerable<string> words = [.. RunVariables.RunFields, .. RunVariables.StepFields, .. RunVariables.ErrorFields];
        Assert.Equal([], words.Where(w => !Page.Contains($"`{w}`", StringComparison.Ordinal)));
        Assert.Equal([], RunVariables.Names.Where(n => !Regex.IsMatch(Page, $@"\n\| `{n}(\.<\w+>)?` \|")));
    }

    [Fact]
    public void Page_Limits_AreTheLoaders()
    {
        foreach (string limit in new[]
        {
            $"{LoadLimits.YamlBytes >> 20} MiB, {LoadLimits.YamlDepth} levels of YAML", $"| {LoadLimits.DataDepth} levels |", $"| {LoadLimits.AliasExpansion >> 20} MiB |",
            $"| {LoadLimits.Nodes:N0} in all, scopes {LoadLimits.ScopeDepth} deep |", $"| {LoadLimits.AssetFiles:N0} files, {LoadLimits.AssetBytes >> 20} MiB |", $"| {LoadLimits.Diagnostics:N0} in one answer |",
        })
        {
            Assert.Contains(limit, Page);
        }
    }

    [Fact]
    public void Page_WholeExamples_Load()
    {
        string[] examples = [.. YamlBlock.Matches(Page).Select(m => m.Groups[1].Value).Where(y => y.StartsWith("language:", StringComparison.Ordinal))];
        Assert.Equal(2, examples.Length);
        Assert.All(examples, e => Loading.Definition(e));
    }

    private static string Root()
    {
        string folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "AgentFlow.slnx")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests run outside of the repository.");
        }

        return folder;
    }

    [GeneratedRegex(@"^\| `([a-z-]+)` \| (error|warning) \| .+ \|$", RegexOptions.Multiline)]
    private static partial Regex DiagnosticRow { get; }

    [GeneratedRegex(@"^```yaml\n(.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex YamlBlock { get; }
}
