using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Ports;
using AgentFlow.Expressions.JsonPath;
using AgentFlow.Tools.BuiltIn.Transform;

namespace AgentFlow.Tools.BuiltIn;

/// <summary>Reshapes JSON: extract, pick, merge, map and filter. Pure: the same input gives the same bytes.</summary>
internal sealed class JsonTransformTool(ExecutionProfile profile) : ITool
{
    // A parsed document takes up to 6 bytes per byte of input ("[1,1,1": 12 bytes a token), its text and the output 2 more.
    private const int BytesPerInputByte = 8;

    // A node is 16 bytes, in a list that doubles, next to the list it comes from.
    private const int BytesPerNode = 64;

    private const int FreeVisits = 1_000_000;

    private static readonly string[] Operations = ["extract", "pick", "merge", "map", "filter"];

    public static ToolDefinition Definition { get; } = new(TransformContract.Create(), profile => new JsonTransformTool(profile));

    public ToolContract Contract => Definition.Contract;

    public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken) =>
        new(Transform(call.Input, cancellationToken));

    private StepOutcome Transform(ReadOnlyMemory<byte> utf8, CancellationToken cancellationToken)
    {
        if (utf8.Length > profile.MaxMemoryBytes / BytesPerInputByte)
            return TooLarge($"the input's {utf8.Length} bytes need more memory than the policy's {profile.MaxMemoryBytes}");
        using ToolInput input = ToolInput.Parse(utf8);
        using var output = new JsonOutput();
        var budget = new JsonPathBudget((int)Math.Min(int.MaxValue, profile.MaxMemoryBytes / BytesPerNode), FreeVisits + (8L * utf8.Length), cancellationToken);
        InputObject root = input.Root;
        string? operation = root.Word("operation", Operations);
        if (operation is not null && !root.TryGet("data", out _))
            root.Refuse("data", "is required");
        output.Writer.WriteStartObject();
        output.Writer.WritePropertyName("output");
        StepOutcome? failure = operation switch
        {
            "extract" => Extract(input, budget, output),
            "pick" => Pick(input, output),
            "merge" => Merge(input, output),
            "map" => Map(input, budget, output),
            "filter" => Filter(input, budget, output),
            _ => input.Refusal,
        };
        output.Writer.WriteEndObject();
        return failure ?? output.Success();
    }

    private StepOutcome? Extract(ToolInput input, JsonPathBudget budget, JsonOutput output)
    {
        input.Root.Only("operation", "data", "path", "default");
        JsonPathQuery? path = input.Root.Query("path");
        if (input.Refusal is { } refusal)
            return refusal;
        input.Root.TryGet("data", out JsonElement data);
        return Project(path!, data, "data", input.Root, budget, output);
    }

    private static StepOutcome? Pick(ToolInput input, JsonOutput output)
    {
        InputObject root = input.Root;
        root.Only("operation", "data", "fields");
        HashSet<string> fields = new(StringComparer.Ordinal);
        foreach (JsonElement field in root.Array("fields")?.EnumerateArray() ?? default)
        {
            if (field.ValueKind != JsonValueKind.String)
                root.Refuse("fields", "must be an array of member names");
            else
                fields.Add(field.GetString()!);
        }

        root.TryGet("data", out JsonElement data);
        bool list = data.ValueKind == JsonValueKind.Array;
        if (data.ValueKind != JsonValueKind.Undefined && !(list ? data.EnumerateArray().All(IsObject) : IsObject(data)))
            root.Refuse("data", "must be an object or an array of objects for 'pick'");
        if (input.Refusal is { } refusal)
            return refusal;
        if (!list)
        {
            WritePicked(data, fields, output.Writer);
            return null;
        }

        output.Writer.WriteStartArray();
        foreach (JsonElement item in data.EnumerateArray())
            WritePicked(item, fields, output.Writer);
        output.Writer.WriteEndArray();
        return null;
    }

    private static bool IsObject(JsonElement element) => element.ValueKind == JsonValueKind.Object;

    private static void WritePicked(JsonElement data, HashSet<string> fields, Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        foreach (JsonProperty member in data.EnumerateObject())
        {
            if (fields.Contains(member.Name))
                member.WriteTo(writer);
        }

        writer.WriteEndObject();
    }

    private static StepOutcome? Merge(ToolInput input, JsonOutput output)
    {
        input.Root.Only("operation", "data", "with");
        if (!input.Root.TryGet("with", out JsonElement patch))
            input.Root.Refuse("with", "is required: the merge patch");
        if (input.Refusal is { } refusal)
            return refusal;
        input.Root.TryGet("data", out JsonElement data);
        MergePatch.Write(data, patch, output.Writer);
        return null;
    }

    private StepOutcome? Map(ToolInput input, JsonPathBudget budget, JsonOutput output)
    {
        InputObject root = input.Root;
        root.Only("operation", "data", "path", "fields", "default");
        JsonElement? data = root.Array("data");
        JsonPathQuery? path = root.Any("path") is null ? null : root.Query("path");
        InputObject fields = root.Object("fields");
        List<(string Name, JsonPathQuery? Path)> members = [.. fields.Members().Select(m => (m.Name, fields.Query(m.Name)))];
        if (root.Any("path") is null == root.Any("fields") is null)
            root.Refuse("path", "give either 'path' (one value per element) or 'fields' (an object per element)");
        if (input.Refusal is { } refusal)
            return refusal;

        output.Writer.WriteStartArray();
        int index = 0;
        foreach (JsonElement item in data!.Value.EnumerateArray())
        {
            string place = $"data[{index++}]";
            StepOutcome? failure = path is null
                ? ProjectMembers(members, item, place, root, budget, output)
                : Project(path, item, place, root, budget, output);
            if (failure is not null)
                return failure;
        }

        output.Writer.WriteEndArray();
        return null;
    }

    private StepOutcome? ProjectMembers(
        List<(string Name, JsonPathQuery? Path)> members, JsonElement item, string place, InputObject root, JsonPathBudget budget, JsonOutput output)
    {
        output.Writer.WriteStartObject();
        foreach ((string name, JsonPathQuery? path) in members)
        {
            output.Writer.WritePropertyName(name);
            if (Project(path!, item, place, root, budget, output) is { } failure)
                return failure;
        }

        output.Writer.WriteEndObject();
        return null;
    }

    private static StepOutcome? Filter(ToolInput input, JsonPathBudget budget, JsonOutput output)
    {
        input.Root.Only("operation", "data", "where");
        JsonElement? data = input.Root.Array("data");
        Condition? where = Condition.Read(input.Root, "where");
        if (input.Refusal is { } refusal)
            return refusal;
        output.Writer.WriteStartArray();
        foreach (JsonElement item in data!.Value.EnumerateArray())
        {
            if (where!.Holds(item, budget) is not { } kept)
                return TooLarge("the condition visits too many values: shorten its paths or filter less data at once");
            if (kept)
                item.WriteTo(output.Writer);
        }

        output.Writer.WriteEndArray();
        return null;
    }

    /// <summary>Writes what a path selects: the value of a singular path, the array of values of any other.</summary>
    private StepOutcome? Project(JsonPathQuery path, JsonElement data, string place, InputObject root, JsonPathBudget budget, JsonOutput output)
    {
        if (path.Select(data, budget) is not { } nodes)
            return TooLarge($"the path '{InputObject.Cut(path.Text)}' visits too many values: make it more specific or split the data");
        if (path.IsSingular)
        {
            if (nodes.Count > 0)
                nodes[0].WriteTo(output.Writer);
            else if (root.TryGet("default", out JsonElement fallback))
                fallback.WriteTo(output.Writer);
            else
                return NotFound(path, place);
            return CheckSize(output);
        }

        output.Writer.WriteStartArray();
        foreach (JsonElement node in nodes)
        {
            node.WriteTo(output.Writer);
            if (CheckSize(output) is { } failure)
                return failure;
        }

        output.Writer.WriteEndArray();
        return null;
    }

    private StepOutcome? CheckSize(JsonOutput output) =>
        output.Length <= profile.MaxMemoryBytes / 2
            ? null
            : TooLarge($"the output outgrows the policy's {profile.MaxMemoryBytes} bytes of memory: select less");

    private static StepOutcome NotFound(JsonPathQuery path, string place) => StepOutcome.Failure(
        "PATH_NOT_FOUND",
        ErrorCategory.Validation,
        $"input.path: '{InputObject.Cut(path.Text)}' selects nothing in {place}; give 'default' if it may be absent");

    private static StepOutcome TooLarge(string message) => StepOutcome.Failure("RESULT_TOO_LARGE", ErrorCategory.Permanent, message);
}
