using System.Text.Json.Serialization;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Messages;
using AgentFlow.Contracts.Planning;
using AgentFlow.Contracts.Tools;

namespace AgentFlow.Contracts.Json;

/// <summary>
/// What crosses a boundary as JSON: snake_case names, members without a value left out, enums as words, times in RFC 3339.
/// A record with defaults takes them in its constructor: the source generator does not run the initialisers of members
/// that are absent from the text.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    MaxDepth = CanonicalJson.DefaultMaxDepth,
    Converters = [typeof(Rfc3339Converter)])]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(Envelope))]
[JsonSerializable(typeof(StructuredOutcome))]
[JsonSerializable(typeof(ResourceContract))]
[JsonSerializable(typeof(PlannerOutput))]
[JsonSerializable(typeof(PlannerError))]
public sealed partial class WireJson : JsonSerializerContext;
