using System.Text.Json;
using System.Text.Json.Serialization;
using AgentFlow.Client;

namespace AgentFlow.Cli;

/// <summary>What <c>-o json</c> prints, named as the HTTP API names it.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, MaxDepth = 256)]
[JsonSerializable(typeof(VersionInfo))]
[JsonSerializable(typeof(Run))]
[JsonSerializable(typeof(Tool))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class CliJson : JsonSerializerContext;
