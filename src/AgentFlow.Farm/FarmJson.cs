using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using AgentFlow.Contracts.Json;
using AgentFlow.Farm.Generation;
using AgentFlow.Farm.Http;
using AgentFlow.Farm.Load;
using AgentFlow.Farm.StressTests;

namespace AgentFlow.Farm;

/// <summary>
/// FARM's JSON. What the generator makes is written in canonical form (RFC 8785) by the Canonical methods: byte for byte
/// the same for the same seed.
/// </summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, Converters = [typeof(UtcTime)])]
[JsonSerializable(typeof(Fleet))]
[JsonSerializable(typeof(Team))]
[JsonSerializable(typeof(Workflow))]
[JsonSerializable(typeof(WorkflowBatch))]
[JsonSerializable(typeof(Scenario))]
[JsonSerializable(typeof(ChaosList))]
[JsonSerializable(typeof(StressTestRun))]
[JsonSerializable(typeof(StressTestRuns))]
[JsonSerializable(typeof(FarmProblem))]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(LoadReport))]
public sealed partial class FarmJson : JsonSerializerContext
{
    public static byte[] Canonical(Fleet fleet) => CanonicalJson.Canonicalize(fleet, Default.Fleet);

    public static byte[] Canonical(Team team) => CanonicalJson.Canonicalize(team, Default.Team);

    public static byte[] Canonical(Workflow workflow) => CanonicalJson.Canonicalize(workflow, Default.Workflow);

    public static byte[] Canonical(WorkflowBatch batch) => CanonicalJson.Canonicalize(batch, Default.WorkflowBatch);

    public static byte[] Canonical(Scenario scenario) => CanonicalJson.Canonicalize(scenario, Default.Scenario);

    /// <summary>The catalog of chaos.</summary>
    public static byte[] Chaos() => CanonicalJson.Canonicalize(new ChaosList(ChaosCatalog.Kinds, ChaosCatalog.Kinds.Count), Default.ChaosList);
}

/// <summary>The answer of <c>GET /api/agents/chaos-catalog</c>.</summary>
public sealed record ChaosList(IReadOnlyList<ChaosKind> ChaosTypes, int Total);

/// <summary>Times as RFC 3339 in UTC, to the millisecond.</summary>
internal sealed class UtcTime : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDateTimeOffset();

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", System.Globalization.CultureInfo.InvariantCulture));
}
