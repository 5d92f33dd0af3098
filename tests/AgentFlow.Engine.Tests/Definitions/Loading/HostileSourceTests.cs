using System.Text;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;

namespace AgentFlow.Engine.Tests.Definitions.Loading;

/// <summary>Files made to cost more than they weigh.</summary>
public class HostileSourceTests
{
    private const string Head = "language: 1\nname: a\nversion: 1.0.0\nplanner: dag\nsteps: [{ id: a }]\n";

    // Ten times the largest file: nothing below may need more, however it is built.
    private const long MemoryLimit = 400L << 20;

    public static TheoryData<string, string> Sources => new()
    {
        { Repeat("[", 1 << 20), DiagnosticCodes.TooDeep },
        { Repeat("{", 1 << 20), DiagnosticCodes.TooDeep },
        { Repeat("- ", 1 << 19), DiagnosticCodes.TooDeep },
        { Repeat("{a: ", 1 << 18), DiagnosticCodes.TooDeep },
        { string.Concat(Enumerable.Range(0, 1_400).Select(i => new string(' ', i) + "a:\n")), DiagnosticCodes.TooDeep },
        { Head + "vars: { a: " + Repeat("[", 100) + Repeat("]", 100) + " }", DiagnosticCodes.TooDeep },
        { Head + "vars:\n  a: &a0 [1]\n" + string.Concat(Enumerable.Range(1, 200).Select(i => $"  a{i}: &a{i} [*a{i - 1}]\n")), DiagnosticCodes.TooDeep },
        { Laughs(9), DiagnosticCodes.AliasLimit },
        { Laughs(100), DiagnosticCodes.AliasLimit },
        { Head + "vars:\n  a: &a " + Repeat("x", 500_000) + "\n  b: [" + Repeat("*a, ", 100_000) + "]\n", DiagnosticCodes.AliasLimit },
        { Head + "vars:\n  a: &a { b: " + Repeat("x", 500_000) + " }\n  c:\n" + Repeat("    - { <<: *a }\n", 20_000), DiagnosticCodes.AliasLimit },
        { Repeat("x", (1 << 20) + 1), DiagnosticCodes.TooLarge },
        { Repeat("é", (1 << 19) + 1), DiagnosticCodes.TooLarge },
        { Scopes(LoadLimits.ScopeDepth + 1), DiagnosticCodes.TooDeep },
        { Steps(LoadLimits.Nodes), DiagnosticCodes.TooManyNodes },
        { Repeat("\u0001", 300_000), DiagnosticCodes.TooManyProblems },
        { Head + Repeat("zz: 1\n", 100_000), DiagnosticCodes.TooManyProblems },
        { Head + string.Concat(Enumerable.Range(0, 60_000).Select(i => $"zz{i}: 1\n")), DiagnosticCodes.TooManyProblems },
        { Machine(string.Concat(Enumerable.Range(0, 1_900).Select(i => $"  state_number_{i}: {{ on_success: stat_numbr_{i}x, on_error: stte_nmber_{i}y }}\n"))), DiagnosticCodes.TooManyProblems },
        { Head + "output: { ? " + Repeat("k", 250_000) + " : [" + Repeat("\"${x\", ", 50_000) + "] }\n", DiagnosticCodes.TooManyProblems },
        { Head + "vars: { ? " + Repeat("k", 500_000) + " : 1 }\noutput: [" + Repeat("\"${vars.x}\", ", 2_000) + "]\n", DiagnosticCodes.TooManyProblems },
        { "language: 1\nname: a\nversion: 1.0.0\nplanner: dag\nsteps: [{ id: a }, { id: " + Repeat("k", 500_000) + ", input: [" + Repeat("\"${steps.a}\", ", 2_000) + "] }]\n", DiagnosticCodes.TooManyProblems },
        { Head + "input: { pattern: \"" + Repeat("(a*)*", 2_000) + "[\" }\n", DiagnosticCodes.InvalidSchema },
        { Head + "output: \"${" + Repeat("(", 100_000) + "}\"\n", DiagnosticCodes.InvalidExpression },
        { Head + "output: \"" + Repeat("${x} ", 100_000) + "\"\n", DiagnosticCodes.TooManyProblems },
        { Head.Replace("version: 1.0.0", "version: " + Repeat("1", 500_000), StringComparison.Ordinal), DiagnosticCodes.InvalidVersion },
        { Head + "vars: { a: 0x" + Repeat("f", 500_000) + ", b: " + Repeat("9", 400_000) + " }\n", DiagnosticCodes.InvalidNumber },
        { Head + "defaults: { timeout: " + Repeat("9", 500_000) + "ms }\n", DiagnosticCodes.OutOfRange },
        { Head + "? " + Repeat("x", 500_000) + "\n: 1\n", DiagnosticCodes.UnknownKey },
        { Head + "output:\n" + Repeat("  - \"${(}\"\n", 60_000), DiagnosticCodes.TooManyProblems },
        { Head + "vars: { a: &a [" + Repeat("\"${x}\", ", 50_000) + "] }\noutput: [*a, *a, *a]\n", DiagnosticCodes.TooManyProblems },
    };

    [Theory]
    [MemberData(nameof(Sources), DisableDiscoveryEnumeration = true)]
    public void Load_HostileSource_SaysSoWithinBounds(string yaml, string code)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        LoadResult result = Loading.Load(yaml);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.True(result.Definition is null);
        Assert.Contains(code, result.Diagnostics.Select(d => d.Code));
        Assert.InRange(result.Diagnostics.Count, 1, LoadLimits.Diagnostics + 1);
        Assert.All(result.Diagnostics, d => Assert.InRange(d.Message.Length + d.Remedy.Length, 1, 1_000));
        Assert.True(allocated < MemoryLimit, $"{allocated >> 20} MiB were allocated for {yaml.Length} characters of {code}.");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(40)]
    [InlineData(LoadLimits.ScopeDepth)]
    public void Load_ScopesWithinTheLimit_Load(int depth)
    {
        LoadResult result = Loading.Load(Scopes(depth));
        Assert.Empty(result.Diagnostics);
        Assert.Equal(depth + 1, result.Definition!.Nodes.Count);
    }

    [Fact]
    public void Load_AsManyNodesAsAllowed_Load() => Assert.Equal(LoadLimits.Nodes, Loading.Definition(Steps(LoadLimits.Nodes - 1)).Nodes.Count);

    [Fact]
    public void Load_AliasesWithinTheLimit_Load()
    {
        WorkflowDefinition definition = Loading.Definition(Head + "vars:\n  a: &a " + Repeat("x", 10_000) + "\n  b: [" + Repeat("*a, ", 400) + "]\n");
        Assert.InRange(definition.Vars.Utf8.Length, 4_000_000, 4_300_000);
    }

    private static string Repeat(string text, int times) => new StringBuilder(text.Length * times).Insert(0, text, times).ToString();

    /// <summary>Nine levels would be ten billion strings.</summary>
    private static string Laughs(int levels)
    {
        var yaml = new StringBuilder(Head + "vars:\n  l0: &l0 lol\n");
        for (int i = 1; i <= levels; i++)
        {
            yaml.Append($"  l{i}: &l{i} [{string.Join(", ", Enumerable.Repeat($"*l{i - 1}", 10))}]\n");
        }

        return yaml.ToString();
    }

    private static string Scopes(int depth)
    {
        var yaml = new StringBuilder("language: 1\nname: a\nversion: 1.0.0\n");
        for (int i = 0; i < depth; i++)
        {
            string indent = new(' ', 4 * i);
            yaml.Append($"{indent}planner: dag\n{indent}steps:\n{indent}  - id: s{i}\n");
        }

        return yaml.ToString();
    }

    private static string Steps(int count) => "language: 1\nname: a\nversion: 1.0.0\nplanner: dag\nsteps:\n" + string.Concat(Enumerable.Range(0, count).Select(i => $"  - {{ id: s{i} }}\n"));

    private static string Machine(string states) => "language: 1\nname: a\nversion: 1.0.0\nplanner: fsm\ninitial_state: z\nfinal_states: [z]\nstates:\n  z: {}\n" + states;
}
