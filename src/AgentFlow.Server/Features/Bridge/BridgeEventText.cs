using AgentFlow.Engine.Bridge;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>An event of a remote agent as subscribers see it.</summary>
internal static class BridgeEventText
{
    public static ReadOnlyMemory<byte> Write(BridgeEvent happened) => BridgeJson.Write(w =>
    {
        w.WriteNumber("number"u8, happened.Number);
        w.WriteString("event_id"u8, happened.Id);
        w.WriteString("type"u8, happened.Type);
        w.WriteString("source"u8, happened.Source);
        w.WriteString("agent_id"u8, happened.Agent);
        w.WritePropertyName("data"u8);
        w.WriteRawValue(happened.Data.Span, skipInputValidation: true);
        if (happened.Time.Length > 0)
        {
            w.WriteString("time"u8, happened.Time);
        }

        if (happened.TraceId.Length > 0)
        {
            w.WriteString("trace_id"u8, happened.TraceId);
        }

        w.WriteString("received_at"u8, UnixTime.Of(happened.At).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", null));
    });
}
