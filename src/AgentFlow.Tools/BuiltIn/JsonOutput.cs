using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Tools.BuiltIn;

/// <summary>A tool's output while it is written.</summary>
internal sealed class JsonOutput : IDisposable
{
    // Output goes to journals and wires, never into a page: letters stay letters.
    private static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private readonly ArrayBufferWriter<byte> _buffer = new(256);

    public JsonOutput() => Writer = new Utf8JsonWriter(_buffer, Plain);

    public Utf8JsonWriter Writer { get; }

    public long Length => Writer.BytesCommitted + Writer.BytesPending;

    public StepOutcome Success()
    {
        Writer.Flush();
        return StepOutcome.Success(_buffer.WrittenMemory);
    }

    public void Dispose() => Writer.Dispose();
}
