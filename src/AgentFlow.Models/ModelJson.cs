using System.Text.Encodings.Web;
using System.Text.Json;

namespace AgentFlow.Models;

internal static class ModelJson
{
    /// <summary>Leaves letters and quotes as they are: what models read and people see isn't HTML, and escapes cost tokens.</summary>
    public static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
