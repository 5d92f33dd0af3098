using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Cli.Expressions;

/// <summary>How variables are read and values written: as plain JSON, or as JSON that keeps the types of the language.</summary>
internal abstract class ExprFormat
{
    // Typed JSON needs three levels for each level of a value.
    private const int MaxDepth = 512;

    public static ExprFormat Plain { get; } = new PlainFormat();

    public static ExprFormat Typed { get; } = new TypedFormat();

    public static JsonDocumentOptions ReaderOptions { get; } = new() { MaxDepth = MaxDepth };

    public static JsonWriterOptions WriterOptions { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <exception cref="CelJsonException">The value cannot be written.</exception>
    public abstract void Write(in CelValue value, Utf8JsonWriter writer);

    /// <exception cref="CelJsonException">The element is no value.</exception>
    protected abstract CelValue Read(JsonElement element);

    public byte[] Write(in CelValue value)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, WriterOptions))
        {
            Write(value, writer);
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <exception cref="CelJsonException">Not a JSON object of variables.</exception>
    public CelVariables ReadVariables(ReadOnlyMemory<byte> utf8)
    {
        try
        {
            using var document = JsonDocument.Parse(utf8, ReaderOptions);
            return ReadVariables(document.RootElement);
        }
        catch (JsonException error)
        {
            throw new CelJsonException($"The variables are no JSON: {error.Message}", error);
        }
    }

    /// <exception cref="CelJsonException">Not an object of variables.</exception>
    public CelVariables ReadVariables(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw new CelJsonException($"The variables are an object of values by name, not {element.ValueKind}.");
        }

        var values = new Dictionary<string, CelValue>(StringComparer.Ordinal);
        foreach (var member in element.EnumerateObject())
        {
            try
            {
                values[member.Name] = Read(member.Value);
            }
            catch (CelJsonException error)
            {
                throw new CelJsonException($"The variable '{member.Name}': {error.Message}", error);
            }
        }

        return new CelVariables(values);
    }

    private sealed class PlainFormat : ExprFormat
    {
        public override void Write(in CelValue value, Utf8JsonWriter writer) => value.WriteJson(writer);

        protected override CelValue Read(JsonElement element) => CelValue.FromJson(JsonMarshal.GetRawUtf8Value(element).ToArray());
    }

    private sealed class TypedFormat : ExprFormat
    {
        public override void Write(in CelValue value, Utf8JsonWriter writer) => TypedJson.Write(value, writer);

        protected override CelValue Read(JsonElement element) => TypedJson.Read(element);
    }
}
