using System.Text;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;

namespace AgentFlow.Engine.Tests.Definitions.Loading;

/// <summary>Valid files, damaged at random: the loader always answers, and its answer is well formed.</summary>
public class MutationTests
{
    // More for a longer search: AF_TEST_MUTATIONS=200000.
    private static readonly int Rounds = int.TryParse(Environment.GetEnvironmentVariable("AF_TEST_MUTATIONS"), out int rounds) ? rounds : 4_000;

    private static readonly string[] Seeds = [WorkflowLoaderTests.Support, WorkflowLoaderTests.Report, .. DiagnosticCases.All.Select(c => Marked.Parse(c).Yaml), Exotic];

    private static readonly string[] Pieces =
    [
        "[", "]", "{", "}", ":", ": ", "- ", "? ", ",", "#", " #", "&a ", "*a", "!!str ", "!x ", "|", ">", "|\n", "'", "\"", "\\", "\t", "\n", "\n\n", "\r", "  ", "---\n", "...\n", "%YAML 1.2\n",
        "<<: ", "<<: *a", "${", "${}", "$${", "}", "${steps.a.output}", "~", "null", "true", "-1", "1e999", "0x", "\0", "\u0007", "\u2028", "\uFEFF", "\ud800", "\udc00", "😀", "é",
        "states: ", "steps: ", "planner: fsm\n", "planner: dag\n", "depends_on: [a]", "condition: ", "wait: {}", "retry: {}", "agent: ", "on: ",
    ];

    private const string Exotic = """
        %YAML 1.2
        --- # a comment
        ? language
        : 1
        "name": 'exotic'
        version: !!str 1.0.0
        vars: &vars
          text: |+
            literal

          folded: >-
            one
            two
          "key with \t escapes": "a \
            b"
          list: &list
          - 1
          -   - 2
              - 3
        planner: dag
        steps:
        - &step
          id: a
          input: {<<: *vars, more: *list}
        - <<: *step
          id: b
          depends_on: [a,]
          condition: >

            steps.a.status
            == 'succeeded'
        ...

        """;

    [Fact]
    public void Load_Exotic_IsValid() => Loading.Definition(Exotic);

    [Fact]
    public void Load_MutatedFile_AnswersWithPlaces()
    {
        int seed = Random.Shared.Next(1 << 30);
        for (int round = 0; round < Rounds; round++)
        {
            var random = new Random(seed + round);
            string yaml = Mutate(Seeds[random.Next(Seeds.Length)], random);
            LoadResult result;
            try
            {
                result = Loading.Load(yaml);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"Seed {seed + round}:\n{Visible(yaml)}", e);
            }

            AssertWellFormed(result, yaml, seed + round);
        }
    }

    [Fact]
    public void Load_MeantNameHoldsATab_RemedyIsOneLineOfText()
    {
        const string yaml = "language: 1\nname: w\nversion: 1.0.0\nplanner: dag\nagents: { \"kno\\twledge\": { kind: llm } }\nsteps: [{ id: a, agent: knowledge }]\n";
        LoadResult result = Loading.Load(yaml);
        Assert.Contains(result.Diagnostics, d => d.Remedy.Contains("kno wledge", StringComparison.Ordinal));
        AssertWellFormed(result, yaml, 0);
    }

    private static void AssertWellFormed(LoadResult result, string yaml, int seed)
    {
        string[] lines = yaml.Replace("\r\n", "\n", StringComparison.Ordinal).Split('\n', '\r');
        string context = $"Seed {seed}:\n{string.Join('\n', result.Diagnostics)}\n{Visible(yaml)}";
        Assert.True(result.Definition is null == result.Diagnostics.Any(d => d.IsError), context);
        Assert.True(result.Diagnostics.Zip(result.Diagnostics.Skip(1)).All(p => (p.First.Line, p.First.Column).CompareTo((p.Second.Line, p.Second.Column)) <= 0), context);
        foreach (Diagnostic found in result.Diagnostics)
        {
            Assert.True(found.Line >= 1 && found.Line <= lines.Length && found.Column >= 1 && found.Column <= lines[found.Line - 1].Length + 1, context);
            Assert.True(found.Message.Length > 0 && found.Remedy.Length > 0 && !found.Message.Any(char.IsControl) && !found.Remedy.Any(char.IsControl), context);
        }
    }

    private static string Mutate(string yaml, Random random)
    {
        var text = new StringBuilder(yaml);
        for (int i = random.Next(1, 6); i > 0; i--)
        {
            int at = random.Next(text.Length + 1);
            int length = Math.Min(random.Next(1, 12), text.Length - at);
            switch (random.Next(6))
            {
                case 0:
                    text.Remove(at, length);
                    break;
                case 1:
                    text.Insert(at, Pieces[random.Next(Pieces.Length)]);
                    break;
                case 2:
                    text.Remove(at, length).Insert(at, Pieces[random.Next(Pieces.Length)]);
                    break;
                case 3:
                    string copied = text.ToString(at, length);
                    text.Insert(random.Next(text.Length + 1), copied);
                    break;
                case 4:
                    MoveLine(text, random);
                    break;
                default:
                    text.Insert(at, (char)random.Next(1, random.Next(2) == 0 ? 0x80 : 0xFFFF));
                    break;
            }
        }

        return text.ToString();
    }

    private static void MoveLine(StringBuilder text, Random random)
    {
        List<string> lines = [.. text.ToString().Split('\n')];
        int from = random.Next(lines.Count);
        string line = random.Next(3) == 0 ? lines[from] : new string(' ', random.Next(6)) + lines[from].TrimStart();
        lines.RemoveAt(from);
        lines.Insert(random.Next(lines.Count + 1), line);
        text.Clear().AppendJoin('\n', lines);
    }

    private static string Visible(string yaml) => string.Concat(yaml.Select(c => c is '\n' or (>= ' ' and <= '~') ? c.ToString() : $"\\u{(int)c:X4}"));
}
