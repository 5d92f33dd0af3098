using System.Buffers;
using System.Text.Json;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Runs;

/// <summary>One event, ready to be sent.</summary>
/// <param name="Json">UTF-8, on one line.</param>
internal sealed record EventText(long Seq, string Type, ReadOnlyMemory<byte> Json)
{
    /// <summary>Renders events that follow each other, applying each to the visits first.</summary>
    public static EventText[] Render(long firstSeq, IReadOnlyList<JournalEvent> events, Visits visits)
    {
        var texts = new EventText[events.Count];
        var buffer = new ArrayBufferWriter<byte>(512);
        using var writer = new Utf8JsonWriter(buffer, Reply.WriterOptions);
        for (int i = 0; i < events.Count; i++)
        {
            visits.Apply(events[i]);
            buffer.ResetWrittenCount();
            writer.Reset();
            EventJson.Write(writer, firstSeq + i, events[i], visits);
            writer.Flush();
            byte[] json = buffer.WrittenSpan.ToArray();
            // Values are passed on as they were sent. Inside JSON a raw line end is white space, but it would end an SSE line.
            json.AsSpan().Replace((byte)'\n', (byte)' ');
            json.AsSpan().Replace((byte)'\r', (byte)' ');
            texts[i] = new EventText(firstSeq + i, EventJson.TypeOf(events[i].Tag), json);
        }

        return texts;
    }
}
