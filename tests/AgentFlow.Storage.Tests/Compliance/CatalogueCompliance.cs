using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Tests.Compliance;

/// <summary>What every catalogue promises.</summary>
public abstract class CatalogueCompliance
{
    protected abstract ICatalogue Catalogue { get; }

    private static StoredWorkflow Workflow(string name, string version, string hash) => new(
        name,
        version,
        hash,
        "fsm",
        "about",
        new WorkflowSource("yaml: " + hash, new WorkflowAssets(new Dictionary<string, ReadOnlyMemory<byte>> { ["data/a.txt"] = new byte[] { 1, 2, 3 } }), "w.yaml"),
        1234);

    [Fact]
    public async Task Save_Version_IsFoundWithItsAssets()
    {
        Assert.Equal(SaveOutcome.Created, await Catalogue.SaveAsync("t1", Workflow("a", "1.0.0", "h1"), default));
        StoredWorkflow found = (await Catalogue.FindAsync("t1", "a", null, default))!;
        Assert.Equal(("a", "1.0.0", "h1", "fsm", "about", 1234L), (found.Name, found.Version, found.Hash, found.Planner, found.Description, found.CreatedAt));
        Assert.Equal(("yaml: h1", "w.yaml"), (found.Source.Yaml, found.Source.Path));
        Assert.Equal(new byte[] { 1, 2, 3 }, found.Source.Assets.Files["data/a.txt"].ToArray());
        Assert.Equal("h1", (await Catalogue.FindByHashAsync("t1", "h1", default))!.Hash);
    }

    [Fact]
    public async Task Save_SameVersion_IsUnchangedOrAConflict()
    {
        await Catalogue.SaveAsync("t1", Workflow("a", "1.0.0", "h1"), default);
        Assert.Equal(SaveOutcome.Unchanged, await Catalogue.SaveAsync("t1", Workflow("a", "1.0.0", "h1"), default));
        Assert.Equal(SaveOutcome.Conflict, await Catalogue.SaveAsync("t1", Workflow("a", "1.0.0", "h2"), default));
        Assert.Equal("h1", (await Catalogue.FindAsync("t1", "a", "1.0.0", default))!.Hash);
    }

    [Fact]
    public async Task Find_Newest_GoesBySemanticVersion()
    {
        foreach (string version in new[] { "1.9.0", "1.10.0", "2.0.0-beta.1", "1.2.0" })
        {
            await Catalogue.SaveAsync("t1", Workflow("a", version, "h" + version), default);
        }

        Assert.Equal(["2.0.0-beta.1", "1.10.0", "1.9.0", "1.2.0"], (await Catalogue.VersionsAsync("t1", "a", default)).Select(w => w.Version));
        Assert.Equal("2.0.0-beta.1", (await Catalogue.FindAsync("t1", "a", null, default))!.Version);
    }

    [Fact]
    public async Task List_NewestOfEach_OwnTenantOnly()
    {
        await Catalogue.SaveAsync("t1", Workflow("b", "1.0.0", "h1"), default);
        await Catalogue.SaveAsync("t1", Workflow("a", "1.0.0", "h2"), default);
        await Catalogue.SaveAsync("t1", Workflow("a", "1.1.0", "h3"), default);
        await Catalogue.SaveAsync("t2", Workflow("c", "1.0.0", "h4"), default);
        Assert.Equal([("a", "1.1.0"), ("b", "1.0.0")], (await Catalogue.ListAsync("t1", default)).Select(w => (w.Name, w.Version)));
        Assert.Null(await Catalogue.FindByHashAsync("t1", "h4", default));
        Assert.Null(await Catalogue.FindAsync("t1", "c", null, default));
    }
}
