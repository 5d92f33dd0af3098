using System.Text.Json.Serialization;

namespace AgentFlow.Contracts.Json;

/// <summary>An enum on the wire is one of its declared words, never a number.</summary>
public sealed class WireEnumConverter<T>() : JsonStringEnumConverter<T>(namingPolicy: null, allowIntegerValues: false)
    where T : struct, Enum;
