using System.Security.Cryptography;
using System.Text;
using AgentFlow.Farm.Generation;
using static System.FormattableString;

namespace AgentFlow.Farm.Tests.Generation;

/// <summary>
/// What seeds gave when the generator was frozen, byte for byte. These files only grow: a test that fails here means that
/// every seed anybody has written down means something else now.
/// </summary>
public sealed class GoldenTests
{
    /// <summary>Set to a folder: the files are written there instead of compared.</summary>
    private const string RenewVariable = "FARM_GOLDEN";

    private static readonly long[] Seeds = [0, 1, 2, 7, 42, 99, 12345, 99999, 123456789, -1, -42, (1L << 53) - 1, -((1L << 53) - 1)];

    private static readonly Dictionary<string, Func<byte[]>> Whole = new(StringComparer.Ordinal)
    {
        ["fleet-small-12345.json"] = () => FarmJson.Canonical(FleetGenerator.Fleet(Scale.Small, 12345)),
        ["team-5-12345.json"] = () => FarmJson.Canonical(FleetGenerator.Team(5, 12345)),
        ["workflow-dag-8-0.5-42.json"] = () => FarmJson.Canonical(WorkflowGenerator.Single("dag", 8, 0.5, 42)),
        ["workflow-cyclic-6-1-42.json"] = () => FarmJson.Canonical(WorkflowGenerator.Single("cyclic", 6, 1, 42)),
        ["scenario-small-5-0.2-42.json"] = () => FarmJson.Canonical(ScenarioGenerator.Generate(Scale.Small, 5, 0.2, 42)),
        ["chaos-catalog.json"] = FarmJson.Chaos,
    };

    public static TheoryData<string> WholeNames => [.. Whole.Keys];

    [Theory]
    [MemberData(nameof(WholeNames))]
    public void Generator_OneAnswer_IsByteForByteTheGoldenOne(string name)
    {
        byte[] made = Whole[name]();
        if (Environment.GetEnvironmentVariable(RenewVariable) is { Length: > 0 } folder)
        {
            File.WriteAllBytes(Path.Combine(folder, name), made);
        }

        Assert.Equal(Encoding.UTF8.GetString(File.ReadAllBytes(Golden(name))), Encoding.UTF8.GetString(made));
    }

    [Fact]
    public void Generator_ManySeedsAndParameters_HaveTheGoldenHashes()
    {
        string[] made = [.. Hashes()];
        if (Environment.GetEnvironmentVariable(RenewVariable) is { Length: > 0 } folder)
        {
            File.WriteAllLines(Path.Combine(folder, "hashes.txt"), made);
        }

        Assert.Equal(File.ReadAllLines(Golden("hashes.txt")), made);
    }

    private static IEnumerable<string> Hashes()
    {
        foreach (long seed in Seeds)
        {
            foreach (Scale scale in Scale.All)
            {
                yield return Line(Invariant($"fleet {scale.Name} {seed}"), FarmJson.Canonical(FleetGenerator.Fleet(scale, seed)));
                yield return Line(Invariant($"scenario {scale.Name} 5 0.2 {seed}"), FarmJson.Canonical(ScenarioGenerator.Generate(scale, 5, 0.2, seed)));
                yield return Line(Invariant($"scenario {scale.Name} 50 0.5 {seed}"), FarmJson.Canonical(ScenarioGenerator.Generate(scale, 50, 0.5, seed)));
            }

            foreach (int size in new[] { 3, 5, 10 })
            {
                yield return Line(Invariant($"team {size} {seed}"), FarmJson.Canonical(FleetGenerator.Team(size, seed)));
            }

            foreach (string type in WorkflowGenerator.Types)
            {
                foreach (int tasks in new[] { 2, 3, 6, 20 })
                {
                    yield return Line(Invariant($"workflow {type} {tasks} 0.3 {seed}"), FarmJson.Canonical(WorkflowGenerator.Single(type, tasks, 0.3, seed)));
                }
            }

            yield return Line(Invariant($"workflow any 6 0 {seed}"), FarmJson.Canonical(WorkflowGenerator.Single(null, 6, 0, seed)));
            yield return Line(Invariant($"batch 10 0.1 {seed}"), FarmJson.Canonical(WorkflowGenerator.Batch(10, 0.1, seed)));
            yield return Line(Invariant($"batch 100 1 {seed}"), FarmJson.Canonical(WorkflowGenerator.Batch(100, 1, seed)));
            foreach (long sequence in new[] { 0, 1, 999, 5_000_000_000 })
            {
                yield return Line(Invariant($"stream {sequence} 0.1 {seed}"), FarmJson.Canonical(WorkflowGenerator.InStream(sequence, 0.1, seed)));
            }
        }
    }

    private static string Line(string name, byte[] json) => $"{Convert.ToHexStringLower(SHA256.HashData(json))} {name}";

    private static string Golden(string name) => Path.Combine(AppContext.BaseDirectory, "Generation", "Golden", name);
}
