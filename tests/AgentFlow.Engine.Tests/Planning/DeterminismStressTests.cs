using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Contracts.Planning;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Planning;

namespace AgentFlow.Engine.Tests.Planning;

public sealed class DeterminismStressTests
{
    private readonly DeterministicPlanner _planner = new();

    [Fact]
    public void Plan_AThousandIdenticalCalls_OneHash()
    {
        JsonElement manifest = WideManifest(4);
        Assert.Single(Enumerable.Range(0, 1000).Select(_ => Hash("analyze everything", manifest)).Distinct());
    }

    [Fact]
    public void Plan_FiftyLevelManifest_OneHash()
    {
        JsonElement manifest = JsonElement.Parse(
            $$"""[{"id":"skill.echo","nested":{{string.Concat(Enumerable.Repeat("{\"level\":[", 25))}}{"b":1,"a":2}{{string.Concat(Enumerable.Repeat("]}", 25))}}}]""");
        JsonElement reordered = JsonElement.Parse(manifest.GetRawText().Replace("""{"b":1,"a":2}""", """{"a":2, "b":1.0}"""));
        Assert.Equal(Hash("echo deep", manifest), Hash("echo deep", reordered));
        Assert.NotEqual(Hash("echo deep", manifest), Hash("echo deep", JsonElement.Parse("""["skill.echo"]""")));
    }

    [Fact]
    public void Plan_HundredSkills_OneHashWhateverTheirOrder()
    {
        JsonElement manifest = WideManifest(100);
        JsonElement reversed = JsonSerializer.SerializeToElement(manifest.EnumerateArray().Reverse());
        Assert.Equal(100, manifest.GetArrayLength());
        Assert.Single(Enumerable.Range(0, 100).Select(_ => Hash("call skill number 42", manifest)).Distinct());
        Assert.Equal("skill.number_42", Plan("call skill number 42", manifest).Steps[0].Skill);
        Assert.Equal(Steps("call skill number 42", manifest), Steps("call skill number 42", reversed));
    }

    [Fact]
    public void Plan_AThousandRandomKeyOrders_OneHash()
    {
        const ulong seed = 1000;
        var random = new SeededRandom(seed);
        JsonNode manifest = JsonNode.Parse(WideManifest(5).GetRawText())!;
        var hashes = new HashSet<string>();
        var texts = new HashSet<string>();
        for (int i = 0; i < 1000; i++)
        {
            JsonNode shuffled = Shuffle(manifest, random);
            texts.Add(shuffled.ToJsonString());
            hashes.Add(Hash("analyze everything", shuffled.Deserialize<JsonElement>()));
        }

        Assert.True(texts.Count > 900, $"seed {seed}: only {texts.Count} different texts");
        Assert.Single(hashes);
    }

    [Fact]
    public async Task Plan_FiftyParallelCalls_OneHash()
    {
        JsonElement manifest = WideManifest(100);
        PlannerRegistry registry = PlannerRegistry.BuiltIn();
        using var start = new Barrier(50);
        Task<string>[] calls = [.. Enumerable.Range(0, 50).Select(_ => Task.Factory.StartNew(
            () =>
            {
                start.SignalAndWait(TestContext.Current.CancellationToken);
                return ((PlannerResult.Output)registry.Plan(new PlanRequest("analyze everything", manifest), "deterministic")).Plan.ContentHash();
            },
            TestContext.Current.CancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))];
        Assert.Single((await Task.WhenAll(calls)).Distinct());
    }

    [Theory]
    [InlineData("echo 日本語 🚀 \u0000\u001f \"quoted\" {{s1.body}}")]
    [InlineData("echo e\u0301 and \u00e9 differ")]
    public void Plan_UnicodeGoal_IsKeptExactly(string goal)
    {
        PlannerOutput plan = Plan(goal, JsonElement.Parse("""["skill.echo"]"""));
        Assert.Equal(goal, plan.Steps[0].Params.GetProperty("message").GetString());
        Assert.Equal(plan.ContentHash(), Plan(goal, JsonElement.Parse("""["skill.echo"]""")).ContentHash());
    }

    [Fact]
    public void Plan_CompositionOfTheGoal_ChangesTheKey() =>
        Assert.NotEqual(Plan("echo e\u0301", WideManifest(1)).Metadata.CacheKey, Plan("echo \u00e9", WideManifest(1)).Metadata.CacheKey);

    [Fact]
    public void Plan_VeryLongGoal_OneHash()
    {
        string goal = "echo " + new StringBuilder().Insert(0, "слово слово ", 200_000);
        JsonElement manifest = WideManifest(100);
        Assert.Equal(Hash(goal, manifest), Hash(goal, manifest));
        Assert.Equal(goal, Plan(goal, manifest).Steps[0].Params.GetProperty("message").GetString());
    }

    [Fact]
    public void CacheKey_GoalOrManifestChanges_Changes()
    {
        string key = Plan("echo a", WideManifest(2)).Metadata.CacheKey;
        Assert.Equal(64, key.Length);
        Assert.NotEqual(key, Plan("echo b", WideManifest(2)).Metadata.CacheKey);
        Assert.NotEqual(key, Plan("echo a", WideManifest(3)).Metadata.CacheKey);
    }

    private PlannerOutput Plan(string goal, JsonElement manifest) =>
        Assert.IsType<PlannerResult.Output>(_planner.Plan(new PlanRequest(goal, manifest))).Plan;

    private string Hash(string goal, JsonElement manifest) => Plan(goal, manifest).ContentHash();

    private string Steps(string goal, JsonElement manifest) => JsonSerializer.Serialize(Plan(goal, manifest).Steps);

    private static JsonElement WideManifest(int count)
    {
        string[] builtIn = ["skill.echo", "skill.http_call", "skill.json_transform", "skill.llm_invoke"];
        var skills = new JsonArray();
        for (int i = 0; i < count; i++)
        {
            skills.Add(new JsonObject
            {
                ["id"] = i < builtIn.Length ? builtIn[i] : $"skill.number_{i}",
                ["version"] = "1.0.0",
                ["description"] = $"Skill {i}",
                ["input_schema"] = new JsonObject
                {
                    ["type"] = "object",
                    ["properties"] = new JsonObject { ["text"] = new JsonObject { ["type"] = "string", ["maxLength"] = 1000 } },
                },
            });
        }

        return skills.Deserialize<JsonElement>();
    }

    private static JsonNode Shuffle(JsonNode node, SeededRandom random) => node switch
    {
        JsonObject members => new JsonObject(members
            .Select(m => (Key: random.NextUInt64(), Member: KeyValuePair.Create(m.Key, (JsonNode?)Shuffle(m.Value!, random))))
            .OrderBy(m => m.Key).Select(m => m.Member)),
        JsonArray items => new JsonArray([.. items.Select(i => Shuffle(i!, random))]),
        _ => node.DeepClone(),
    };
}
