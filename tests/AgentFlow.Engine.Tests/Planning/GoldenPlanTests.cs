using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Contracts.Json;
using AgentFlow.Engine.Planning;

namespace AgentFlow.Engine.Tests.Planning;

/// <summary>Recorded plans. Only the paths in <c>deterministic_fields</c> are compared; a path that neither side has is equal.</summary>
public sealed class GoldenPlanTests
{
    public static TheoryData<string> Files =>
        [.. Directory.GetFiles(Folder, "*.json").Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Files))]
    public void Plan_RecordedInput_GivesTheRecordedFields(string file)
    {
        JsonNode golden = JsonNode.Parse(File.ReadAllText(Path.Combine(Folder, file)))!;
        JsonNode input = golden["input"]!;
        var request = new PlanRequest((string)input["goal"]!, input["tool_manifest"]!.Deserialize<JsonElement>());
        JsonNode actual = Json(PlannerRegistry.BuiltIn().Plan(request, "deterministic"));

        string[] fields = [.. golden["deterministic_fields"]!.AsArray().Select(f => (string)f!)];
        Assert.NotEmpty(fields);
        foreach (string field in fields)
        {
            JsonNode? expected = At(golden["expected_output"]!, field);
            Assert.True(JsonNode.DeepEquals(expected, At(actual, field)), $"{file}, {field}: {At(actual, field)?.ToJsonString()} is not {expected?.ToJsonString()}");
        }
    }

    [Fact]
    public void Files_Recorded_AreFound() => Assert.True(Files.Count >= 3);

    private static JsonNode Json(PlannerResult result) => result switch
    {
        PlannerResult.Output output => JsonSerializer.SerializeToNode(output.Plan, WireJson.Default.PlannerOutput)!,
        PlannerResult.Error error => JsonSerializer.SerializeToNode(error.Reason, WireJson.Default.PlannerError)!,
        _ => throw new InvalidOperationException(),
    };

    private static JsonNode? At(JsonNode root, string path)
    {
        JsonNode? at = root;
        foreach (string part in path.Split('.'))
        {
            at = at switch
            {
                JsonObject members => members[part],
                JsonArray items when int.TryParse(part, out int index) => index < items.Count ? items[index] : null,
                _ => null,
            };
        }

        return at;
    }

    private static string Folder
    {
        get
        {
            DirectoryInfo? folder = new(AppContext.BaseDirectory);
            while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "AgentFlow.slnx"))) folder = folder.Parent;
            return Path.Combine(folder!.FullName, "tests", "AgentFlow.Engine.Tests", "Planning", "golden");
        }
    }
}
