using System.Reflection;
using AgentFlow.Engine.Definitions.Loading;

namespace AgentFlow.Engine.Tests.Definitions.Loading;

public class WorkflowLoaderDiagnosticsTests
{
    public static TheoryData<string> Cases => [.. DiagnosticCases.All];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Load_BrokenRule_ReportsItAtItsPlace(string marked) => Marked.AssertDiagnostics(marked);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Load_WindowsLineEnds_ReportsTheSamePlaces(string marked)
    {
        (string yaml, IReadOnlyList<string> expected) = Marked.Parse(marked);
        var found = Loading.Load("\uFEFF" + yaml.Replace("\n", "\r\n", StringComparison.Ordinal)).Diagnostics;
        Assert.Equal(expected.Order(), found.Select(Marked.Place).Order());
    }

    [Fact]
    public void Load_EveryCodeOfTheLoader_HasACase()
    {
        // These need more than a few lines of YAML; other tests of this folder hold them.
        string[] elsewhere =
        [
            DiagnosticCodes.FileUnreadable, DiagnosticCodes.TooLarge, DiagnosticCodes.InvalidEncoding, DiagnosticCodes.TooDeep, DiagnosticCodes.AliasLimit,
            DiagnosticCodes.TooManyProblems, DiagnosticCodes.TooManyNodes, DiagnosticCodes.AssetOutside, DiagnosticCodes.AssetUnreadable, DiagnosticCodes.AssetLimit,
            DiagnosticCodes.InvalidExample, DiagnosticCodes.UnknownWorkflow,
        ];
        IEnumerable<string> codes = typeof(DiagnosticCodes).GetFields(BindingFlags.Public | BindingFlags.Static).Select(f => (string)f.GetRawConstantValue()!);
        string all = string.Concat(DiagnosticCases.All);
        Assert.Equal([], codes.Except(elsewhere).Where(c => !all.Contains($"«{c}»", StringComparison.Ordinal)));
    }
}
