using System.Buffers;
using System.Text.Json;
using AgentFlow.Engine.Audit;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Activities;

/// <summary>Tells who was allowed to do what, and who was not, as the audit has it.</summary>
internal sealed class AuditActivity(IActivitySink activity)
{
    public void Tell(AuditNote note)
    {
        if (!activity.IsWatched(note.Tenant))
        {
            return;
        }

        var buffer = new ArrayBufferWriter<byte>(192);
        using var writer = new Utf8JsonWriter(buffer, Reply.WriterOptions);
        writer.WriteStartObject();
        writer.WriteString("actor"u8, note.Actor);
        writer.WriteString("action"u8, note.Action);
        writer.WriteString("resource"u8, note.Resource);
        writer.WriteEndObject();
        writer.Flush();
        activity.Publish(new ActivityEvent(note.Tenant, "access." + note.Decision, buffer.WrittenSpan.ToArray()));
    }
}
