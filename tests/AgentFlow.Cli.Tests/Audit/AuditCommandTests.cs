using System.Text.Json;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.Audit;

public sealed class AuditCommandTests
{
    private const string Workflow = """
        language: 1
        name: one
        version: 1.0.0
        planner: fsm
        initial_state: only
        final_states: [only]
        states:
          only: { tool: skill.echo }
        """;

    [Fact]
    public async Task Audit_OfARun_IsSearchedExportedAndVerified()
    {
        using var af = new Af();
        string file = Path.Combine(af.Folder, "one.yaml");
        File.WriteAllText(file, Workflow);
        Assert.Equal(0, (await af.RunAsync("run", file, "--input-json", "{}")).Code);

        AfResult verified = await af.RunAsync("audit", "verify", "-o", "json");
        Assert.True(verified.Code == 0, $"{verified}");
        JsonElement report = JsonElement.Parse(verified.Out);
        Assert.True(report.GetProperty("intact").GetBoolean());

        AfResult found = await af.RunAsync("audit", "search", "--action", "step.started", "-o", "json");
        JsonElement record = Assert.Single(JsonElement.Parse(found.Out).EnumerateArray());
        Assert.EndsWith("/only#1", record.GetProperty("resource").GetString());
        Assert.Equal(2, (await af.RunAsync("audit", "tail", "--last", "2", "-o", "json")).Out.TrimEnd().Split('\n').Length);
        Assert.Equal(0, (await af.RunAsync("audit", "checkpoints")).Code);

        // Elsewhere, with nothing but the export, the public key and the witness.
        string export = Path.Combine(af.Folder, "chain.jsonl");
        Assert.Equal(0, (await af.RunAsync("audit", "export", "--out", export)).Code);
        string keys = Path.Combine(af.Folder, "keys.pem");
        File.WriteAllText(keys, report.GetProperty("keys").GetString());
        string witness = Directory.GetDirectories(af.Folder, "*.witness.jsonl.ends", SearchOption.AllDirectories)[0][..^".ends".Length];
        AfResult elsewhere = await af.RunAsync("audit", "verify", "--file", export, "--key", keys, "--witness", witness);
        Assert.True(elsewhere.Code == 0, $"{elsewhere}");
        Assert.StartsWith("intact", elsewhere.Out, StringComparison.Ordinal);

        string[] lines = File.ReadAllLines(export);
        lines[1] = lines[1].Replace("\"allowed\"", "\"denied\"", StringComparison.Ordinal);
        File.WriteAllLines(export, lines);
        AfResult tampered = await af.RunAsync("audit", "verify", "--file", export, "--key", keys, "--witness", witness);
        Assert.Equal(1, tampered.Code);
        Assert.Contains("edited  record 1:", tampered.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("audit", "verify", "--file", "x.jsonl")]
    [InlineData("audit", "verify", "--key", "x.pem")]
    public async Task Verify_HalfOfWhatItNeeds_IsMisuse(params string[] arguments)
    {
        using var af = new Af();
        Assert.Equal(2, (await af.RunAsync(arguments)).Code);
    }
}
