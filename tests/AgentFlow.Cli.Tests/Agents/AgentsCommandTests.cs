using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Agents;

public sealed class AgentsCommandTests
{
    private static async Task<JsonElement> JsonAsync(Af af, params string[] arguments)
    {
        AfResult result = await af.RunAsync([.. arguments, "-o", "json"]);
        Assert.True(result.Code == 0, $"{result}");
        return JsonElement.Parse(result.Out);
    }

    private static (int Imported, int Updated, int Skipped, int Rejected) Counts(JsonElement report)
    {
        JsonElement counts = report.GetProperty("counts");
        Assert.Equal(counts.GetProperty("files").GetInt32(), new[] { "imported", "updated", "skipped", "rejected" }.Sum(l => report.GetProperty(l).GetArrayLength()));
        return (counts.GetProperty("imported").GetInt32(), counts.GetProperty("updated").GetInt32(), counts.GetProperty("skipped").GetInt32(), counts.GetProperty("rejected").GetInt32());
    }

    [Fact]
    public async Task Import_TreeWithEveryDefect_NamesEachAndChangesNothingTheSecondTime()
    {
        using var af = new Af();
        string tree = Directory.CreateDirectory(Path.Combine(af.Folder, "tree")).FullName;
        Dictionary<string, int> expected = IdentityForest.Write(tree);
        int rejected = expected.Count(e => e.Value > 0), skipped = expected.Count(e => e.Value == 0), sound = IdentityForest.Files - expected.Count;

        JsonElement first = await JsonAsync(af, "agents", "import", tree);
        Assert.Equal((sound, 0, skipped, rejected), Counts(first));
        Assert.Equal(
            expected.Where(e => e.Value > 0).OrderBy(e => e.Key, StringComparer.Ordinal).Select(e => $"{e.Key}:{e.Value}"),
            first.GetProperty("rejected").EnumerateArray().Select(r => $"{r.GetProperty("file").GetString()}:{r.GetProperty("line").GetInt32()}"));
        Assert.Equal(
            expected.Where(e => e.Value == 0).Select(e => e.Key).Order(StringComparer.Ordinal),
            first.GetProperty("skipped").EnumerateArray().Select(s => s.GetProperty("file").GetString()!));
        Assert.All(first.GetProperty("rejected").EnumerateArray(), r => Assert.True(r.GetProperty("reason").GetString()!.Length > 10 && r.GetProperty("remedy").GetString()!.Length > 5));

        JsonElement second = await JsonAsync(af, "agents", "import", tree);
        Assert.Equal((0, 0, skipped + sound, rejected), Counts(second));
        JsonElement[] agents = [.. (await JsonAsync(af, "agents", "list")).EnumerateArray()];
        Assert.Equal(sound, agents.Length);
        Assert.All(agents, a => Assert.Equal(1, a.GetProperty("version").GetInt32()));
        Assert.DoesNotContain(agents, a => a.GetProperty("name").GetString() == "outside");

        // What has changed in the tree, and that alone, changes in the registry.
        string some = Directory.GetFiles(tree, "agent-7.md", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint }).Single();
        File.WriteAllText(some, File.ReadAllText(some).Replace("Does its work.", "Does it better.", StringComparison.Ordinal));
        JsonElement third = await JsonAsync(af, "agents", "import", tree);
        Assert.Equal((0, 1, skipped + sound - 1, rejected), Counts(third));
        Assert.Equal("# agent-7\n\nDoes it better.", (await JsonAsync(af, "agents", "show", "agent-7")).GetProperty("instructions").GetString());
        Assert.Equal(1, (await af.RunAsync("agents", "import", tree, "--strict")).Code);
    }

    [Fact]
    public async Task Catalogue_IsSound_AndOneForEachRole()
    {
        using var af = new Af();
        JsonElement report = await JsonAsync(af, "agents", "import", "--catalogue");
        Assert.Equal((10, 0, 0, 0), Counts(report));
        Assert.Equal(0, report.GetProperty("warnings").GetArrayLength());
        JsonElement stats = await JsonAsync(af, "agents", "stats");
        Assert.Equal(10, stats.GetProperty("by_role").EnumerateObject().Count(r => r.Value.GetInt32() == 1 && AgentFlow.Engine.Agents.AgentRoles.All.Contains(r.Name)));
        JsonElement[] agents = [.. (await JsonAsync(af, "agents", "list")).EnumerateArray()];
        string[] names = [.. agents.Select(a => a.GetProperty("name").GetString()!)];
        foreach (string name in names)
        {
            JsonElement agent = await JsonAsync(af, "agents", "show", name);
            Assert.True(agent.GetProperty("instructions").GetString()!.Length > 300, name);
            IEnumerable<string> others = agent.GetProperty("definition").GetProperty("integration").EnumerateObject().SelectMany(l => l.Value.EnumerateArray()).Select(n => n.GetString()!);
            Assert.Empty(others.Except(names));
        }
    }

    [Fact]
    public async Task Export_ThenImport_ChangesNothing()
    {
        using var af = new Af();
        string tree = Directory.CreateDirectory(Path.Combine(af.Folder, "tree")).FullName;
        IdentityForest.Write(tree);
        int sound = Counts(await JsonAsync(af, "agents", "import", tree)).Imported;
        await JsonAsync(af, "agents", "import", "--catalogue");
        string copy = Path.Combine(af.Folder, "copy");
        Assert.Equal(sound + 10, (await JsonAsync(af, "agents", "export", copy)).GetArrayLength());
        JsonElement again = await JsonAsync(af, "agents", "import", copy);
        Assert.Equal((0, 0, sound + 10, 0), Counts(again));
        Assert.NotEqual(0, (await af.RunAsync("agents", "export", copy)).Code);
        Assert.Equal(0, (await af.RunAsync("agents", "export", copy, "--force")).Code);
    }

    [Fact]
    public async Task Import_DryRunOrNoFolder_SendsNothing()
    {
        using var af = new Af();
        string tree = Directory.CreateDirectory(Path.Combine(af.Folder, "tree")).FullName;
        File.WriteAllText(Path.Combine(tree, "a.md"), IdentityForest.Identity("a"));
        AfResult dry = await af.RunAsync("agents", "import", tree, "--dry-run");
        Assert.True(dry.Code == 0, $"{dry}");
        Assert.Contains("1 files: 1 sound, 0 updated, 0 skipped, 0 rejected", dry.Out, StringComparison.Ordinal);
        Assert.Equal(0, (await JsonAsync(af, "agents", "list")).GetArrayLength());
        Assert.Equal(2, (await af.RunAsync("agents", "import")).Code);
        Assert.Equal(2, (await af.RunAsync("agents", "import", Path.Combine(tree, "nowhere"))).Code);
    }

    [Fact]
    public async Task ShowAndRemove_ByNameOrId_AreTheSameAgent()
    {
        using var af = new Af();
        await JsonAsync(af, "agents", "import", "--catalogue");
        JsonElement byName = await JsonAsync(af, "agents", "show", "data-analyst");
        string id = byName.GetProperty("agent_id").GetString()!;
        Assert.Equal(byName.GetRawText(), (await JsonAsync(af, "agents", "show", id)).GetRawText());
        AfResult text = await af.RunAsync("agents", "show", id);
        Assert.Contains("insight / analysis", text.Out, StringComparison.Ordinal);
        Assert.Equal(0, (await af.RunAsync("agents", "remove", "data-analyst")).Code);
        AfResult gone = await af.RunAsync("agents", "show", id);
        Assert.Equal(1, gone.Code);
        Assert.Contains("There is no such agent", gone.Error, StringComparison.Ordinal);
    }
}
