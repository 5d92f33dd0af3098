using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Engine.Ports;
using AgentFlow.Tools.BuiltIn;
using FsCheck;
using FsCheck.Fluent;

namespace AgentFlow.Tools.Tests.BuiltIn;

/// <summary>Laws of the transforms over random documents. A failure prints its seed and the shrunk documents.</summary>
public class TransformLawTests
{
    private static readonly string[] Names = ["a", "b", "c", "d"];

    private readonly ITool _transform = Skill.Create(JsonTransformTool.Definition);

    [Fact]
    public void Merge_AnyPatch_AgreesWithTheDefinition() =>
        Check((data, patch) => Merge(data, patch) == Text(Definition(JsonNode.Parse(data), JsonNode.Parse(patch))));

    [Fact]
    public void Merge_Twice_ChangesNothingMore() => Check((data, patch) =>
    {
        string once = Merge(data, patch);
        return Merge(once, patch) == once;
    });

    [Fact]
    public void Merge_EmptyPatch_KeepsAnObject() => Check((data, _) => !IsObject(data) || Merge(data, "{}") == data);

    [Fact]
    public void Merge_AnythingButAnObject_Replaces() => Check((data, patch) => IsObject(patch) || Merge(data, patch) == patch);

    [Fact]
    public void Pick_Twice_IsTheIntersection() => Check((data, _) =>
        !IsObject(data) || Pick(Pick(data, "a", "b", "c"), "b", "c", "d") == Pick(data, "b", "c"));

    [Fact]
    public void Pick_AfterMerge_IsMergeAfterPick() => Check((data, patch) =>
        !IsObject(data) || !IsObject(patch)
        || Pick(Merge(data, patch), "a", "c") == Merge(Pick(data, "a", "c"), Pick(patch, "a", "c")));

    [Fact]
    public void Pick_AllNames_KeepsEverything() => Check((data, _) => !IsObject(data) || Pick(data, Names) == data);

    [Fact]
    public void Filter_ConditionAndItsOpposite_ShareOutEveryElement() => Check((data, value) =>
    {
        if (!data.StartsWith('['))
            return true;
        string where = $$"""{"path":"$","op":"eq","value":{{value}}}""";
        int kept = JsonElement.Parse(Run($$"""{"operation":"filter","data":{{data}},"where":{{where}}}""")).GetArrayLength();
        int rest = JsonElement.Parse(Run($$"""{"operation":"filter","data":{{data}},"where":{"not":{{where}} } }""")).GetArrayLength();
        return kept + rest == JsonElement.Parse(data).GetArrayLength();
    });

    [Fact]
    public void ExtractAndMap_Root_AreTheIdentity() => Check((data, _) =>
        Run($$"""{"operation":"extract","data":{{data}},"path":"$"}""") == data
        && (!data.StartsWith('[') || Run($$"""{"operation":"map","data":{{data}},"path":"$"}""") == data));

    private static void Check(Func<string, string, bool> law) =>
        Prop.ForAll(Arb.From(Gen.Sized(size => Document(Math.Min(3, size)))), Arb.From(Gen.Sized(size => Document(Math.Min(3, size)))), law)
            .QuickCheckThrowOnFailure();

    private static Gen<string> Document(int depth)
    {
        Gen<string> leaf = Gen.Elements("null", "true", "0", "-1.5", "1e3", "\"\"", "\"é\\n\"", "\"a\"");
        if (depth == 0)
            return leaf;
        Gen<string> array = Gen.Choose(0, 3).SelectMany(n => Gen.ArrayOf(Document(depth - 1), n)).Select(items => $"[{string.Join(',', items)}]");
        Gen<string> obj =
            from names in Gen.SubListOf(Names)
            from values in Gen.ArrayOf(Document(depth - 1), names.Count)
            select $"{{{string.Join(',', names.Zip(values, (name, value) => $"\"{name}\":{value}"))}}}";
        return Gen.Frequency((1, leaf), (2, array), (5, obj));
    }

    // RFC 7386 §2, as written there; on the mutable tree, so that it shares nothing with the code under test.
    private static JsonNode? Definition(JsonNode? target, JsonNode? patch)
    {
        if (patch is not JsonObject changes)
            return patch?.DeepClone();
        JsonObject result = target is JsonObject old ? (JsonObject)old.DeepClone() : [];
        foreach ((string name, JsonNode? value) in changes)
        {
            if (value is null)
                result.Remove(name);
            else if (result.ContainsKey(name))
                result[name] = Definition(result[name], value);
            else
                result.Add(name, Definition(null, value));
        }

        return result;
    }

    private static string Text(JsonNode? node) =>
        node?.ToJsonString(new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }) ?? "null";

    private static bool IsObject(string json) => json.StartsWith('{');

    private string Merge(string data, string patch) => Run($$"""{"operation":"merge","data":{{data}},"with":{{patch}}}""");

    private string Pick(string data, params string[] fields) =>
        Run($$"""{"operation":"pick","data":{{data}},"fields":[{{string.Join(',', fields.Select(f => $"\"{f}\""))}}]}""");

    private string Run(string input)
    {
        string output = _transform.Now(Skill.Call(input)).Text();
        return output["{\"output\":".Length..^1];
    }
}
