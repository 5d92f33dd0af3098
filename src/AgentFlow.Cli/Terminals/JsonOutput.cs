using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace AgentFlow.Cli.Terminals;

/// <summary>JSON on stdout, for <c>-o json</c>.</summary>
internal static class JsonOutput
{
    // Readers are JSON parsers and people, never HTML.
    private static readonly JsonWriterOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonWriterOptions Indented = Compact with { Indented = true };

    public static void WriteObject<T>(this Terminal terminal, T value, JsonTypeInfo<T> type) => terminal.Out.WriteLine(Text(value, type, Indented));

    /// <summary>One line.</summary>
    public static void WriteLine<T>(this Terminal terminal, T value, JsonTypeInfo<T> type) => terminal.Out.WriteLine(Text(value, type, Compact));

    /// <summary>An array with one element a line.</summary>
    public static void WriteArray<T>(this Terminal terminal, IEnumerable<T> values, JsonTypeInfo<T> type)
    {
        using var array = new JsonArrayWriter<T>(terminal, type);
        foreach (T value in values)
        {
            array.Add(value);
        }
    }

    public static string Text<T>(T value, JsonTypeInfo<T> type, bool indented) => Text(value, type, indented ? Indented : Compact);

    private static string Text<T>(T value, JsonTypeInfo<T> type, JsonWriterOptions options)
    {
        using var bytes = new MemoryStream();
        using (var writer = new Utf8JsonWriter(bytes, options))
        {
            JsonSerializer.Serialize(writer, value, type);
        }

        return Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length);
    }
}

/// <summary>
/// An array on stdout that grows while its elements come; closed when disposed. Each element is a whole line at once, so
/// the comma stands before the next one.
/// </summary>
internal sealed class JsonArrayWriter<T>(Terminal terminal, JsonTypeInfo<T> type) : IDisposable
{
    private bool _open;

    public void Add(T value)
    {
        terminal.Out.WriteLine((_open ? "," : "[\n ") + JsonOutput.Text(value, type, indented: false));
        _open = true;
    }

    public void Dispose() => terminal.Out.WriteLine(_open ? "]" : "[]");
}
