using System.Text.Json.Serialization;
using AgentFlow.Contracts.Errors;

namespace AgentFlow.Contracts.Json;

/// <summary>What crosses a boundary as JSON: snake_case names, members without a value left out, enums as words.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(Problem))]
public sealed partial class WireJson : JsonSerializerContext;
