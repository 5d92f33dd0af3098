using System.Diagnostics;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Models.Providers;
using AgentFlow.Models.Retrieval;

namespace AgentFlow.Models.Agents;

/// <summary>An agent of kind <c>rag</c> over an index that was built when the workflow was loaded. Pure: the same query gives the same bytes.</summary>
internal sealed class RagAgent(AgentDefinition agent, string source, int top, PassageIndex index) : ITool
{
    private static readonly JsonElement InputSchema = JsonDocument.Parse(
        """{"type":"object","required":["query"],"properties":{"query":{"type":"string"}}}""").RootElement;

    private static readonly JsonElement OutputSchema = JsonDocument.Parse(
        """
        {"type":"object","required":["query","passages","best_score"],"properties":{
          "query":{"type":"string"},
          "passages":{"type":"array","items":{"type":"object","required":["id","title","text","score"],"properties":{
            "id":{"type":"string"},"title":{"type":"string"},"text":{"type":"string"},"score":{"type":"number"}}}},
          "best_score":{"type":"number"}}}
        """).RootElement;

    public ToolContract Contract { get; } = new()
    {
        Id = "agent." + agent.Id,
        Version = "1.0.0",
        Description = agent.Role.Length > 0 ? agent.Role.Split('\n', 2)[0].Trim() : $"Finds the passages of {source} that fit a query.",
        InputSchema = InputSchema,
        OutputSchema = OutputSchema,
        Effects = Effects.None,
        Determinism = Determinism.Full,
        ErrorCodes = new Dictionary<string, string>(StringComparer.Ordinal) { ["INPUT_INVALID"] = "The input has no text 'query'." },
    };

    public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken)
    {
        using var activity = ModelTelemetry.Source.StartActivity(ActivityKind.Internal, name: $"retrieval {source}", tags:
        [
            new(ModelTelemetry.Operation, "retrieval"),
            new(ModelTelemetry.Provider, ProviderProfile.LocalName),
            new(ModelTelemetry.DataSource, source),
            new(ModelTelemetry.RequestTopK, top),
        ]);
        if (Query(call.Input) is not { } query)
        {
            var error = new StepError("INPUT_INVALID", ErrorCategory.Validation, $"The agent '{agent.Id}' needs a text to search for. Give it the input {{ query: … }}.");
            activity.Fail(error);
            return ValueTask.FromResult(new StepOutcome { Error = error, Provider = ProviderProfile.LocalName });
        }

        return ValueTask.FromResult(new StepOutcome { Output = Write(query, index.Search(query, top)), Provider = ProviderProfile.LocalName });
    }

    private static string? Query(ReadOnlyMemory<byte> input)
    {
        try
        {
            using var document = JsonDocument.Parse(input);
            return document.RootElement.ValueKind == JsonValueKind.Object &&
                document.RootElement.TryGetProperty("query", out var query) && query.ValueKind == JsonValueKind.String
                    ? query.GetString()
                    : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static byte[] Write(string query, List<PassageIndex.Hit> hits)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, ModelJson.Readable))
        {
            json.WriteStartObject();
            json.WriteString("query", query);
            json.WriteStartArray("passages");
            foreach (var (passage, score) in hits)
            {
                json.WriteStartObject();
                json.WriteString("id", passage.Id);
                json.WriteString("title", passage.Title);
                json.WriteString("text", passage.Text);
                json.WriteNumber("score", score);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteNumber("best_score", hits.Count > 0 ? hits[0].Score : 0);
            json.WriteEndObject();
        }

        return buffer.ToArray();
    }
}
