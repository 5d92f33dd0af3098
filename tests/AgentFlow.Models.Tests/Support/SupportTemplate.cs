using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Models.Agents;
using AgentFlow.Models.Local;
using AgentFlow.Models.Providers;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace AgentFlow.Models.Tests.Support;

/// <summary>The shipped template, as files.</summary>
internal static class SupportTemplate
{
    public static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "templates", "support");

    public static JsonObject Workflow { get; } = Yaml("workflow.yaml");

    public static string[] Labels { get; } =
        [.. Workflow["agents"]!["classifier"]!["output"]!["properties"]!["category"]!["enum"]!.AsArray().Select(l => l!.GetValue<string>())];

    public static WorkflowAssets Assets { get; } = new(Directory
        .EnumerateFiles(Folder, "*", SearchOption.AllDirectories)
        .ToDictionary(f => Path.GetRelativePath(Folder, f).Replace('\\', '/'), f => (ReadOnlyMemory<byte>)File.ReadAllBytes(f), StringComparer.Ordinal));

    public static JsonObject Yaml(string file)
    {
        var yaml = new YamlStream();
        using (var reader = new StreamReader(Path.Combine(Folder, file)))
            yaml.Load(reader);
        return Convert(yaml.Documents[0].RootNode)!.AsObject();
    }

    public static IEnumerable<JsonElement> Lines(string file) => File.ReadLines(file).Select(Definitions.Json);

    public static IEnumerable<JsonElement> Messages() => Lines(Path.Combine(Folder, "data", "messages.jsonl"));

    public static List<(string Text, string Category)> HeldOut() =>
        [.. Lines(Path.Combine(AppContext.BaseDirectory, "data", "heldout.jsonl")).Select(l => (l.GetProperty("message").GetString()!, l.GetProperty("category").GetString()!))];

    public static ITool Agent(string id, ModelInvoker models)
    {
        JsonElement settings = JsonSerializer.SerializeToElement(Workflow["agents"]![id]);
        var agent = new AgentDefinition
        {
            Id = id,
            Kind = settings.GetProperty("kind").GetString()!,
            Role = settings.TryGetProperty("role", out var role) ? role.GetString()! : "",
            Settings = settings,
        };
        IAgentKind kind = agent.Kind == "rag" ? new RagAgentKind() : new LlmAgentKind(models);
        Assert.Empty(kind.Check(agent, Assets));
        return kind.Compile(agent, Assets);
    }

    /// <summary>What the classifier agent's own chat teaches.</summary>
    public static TextClassifier.Example[] Examples()
    {
        JsonElement settings = JsonSerializer.SerializeToElement(Workflow["agents"]!["classifier"]);
        var problems = new List<AgentProblem>();
        var read = LlmSettings.Read(new AgentDefinition { Id = "classifier", Kind = "llm", Role = settings.GetProperty("role").GetString()!, Settings = settings }, Assets, problems);
        Assert.Empty(problems);
        var options = new Microsoft.Extensions.AI.ChatOptions { ResponseFormat = Microsoft.Extensions.AI.ChatResponseFormat.ForJsonSchema(read.OutputSchema!.Value, "answer") };
        return [.. FewShotChat.Examples([.. read.Preamble, new(Microsoft.Extensions.AI.ChatRole.User, "")], AnswerSchema.Of(options))!];
    }

    public static ModelInvoker LocalModels() => new(new ModelProviders(new ModelOptions { Residency = Residency.Strict }));

    private static JsonNode? Convert(YamlNode node) => node switch
    {
        YamlMappingNode map => new JsonObject(map.Children.Select(c => KeyValuePair.Create(((YamlScalarNode)c.Key).Value!, Convert(c.Value)))),
        YamlSequenceNode list => new JsonArray([.. list.Children.Select(Convert)]),
        YamlScalarNode { Style: ScalarStyle.Plain } plain => Plain(plain.Value!),
        YamlScalarNode text => JsonValue.Create(text.Value),
        _ => null,
    };

    private static JsonNode? Plain(string text) =>
        text is "" or "~" or "null" ? null
        : text is "true" or "false" ? JsonValue.Create(text == "true")
        : long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole) ? JsonValue.Create(whole)
        : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? JsonValue.Create(number)
        : JsonValue.Create(text);
}
