namespace AgentFlow.Expressions.Cel.Values;

/// <summary>The names of the runtime types, as the language definition gives them.</summary>
internal static class CelTypes
{
    public const string Timestamp = "google.protobuf.Timestamp";
    public const string Duration = "google.protobuf.Duration";

    private static readonly string[] ByKind =
    [
        "null_type", "bool", "int", "uint", "double", "string", "bytes", "list", "map", Timestamp, Duration, "type", "optional_type", "error",
    ];

    private static readonly Dictionary<string, CelValue> Names = ByKind
        .Where(name => name != "error")
        .ToDictionary(name => name, CelValue.Type, StringComparer.Ordinal);

    public static string NameOf(CelKind kind) => ByKind[(int)kind];

    public static bool TryGet(string name, out CelValue type) => Names.TryGetValue(name, out type);
}
