using System.Buffers;
using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace AgentFlow.Cli.Load;

/// <summary>The agents' side of the Agent Bridge's wire: what they send, signed as deployed ones sign it.</summary>
internal sealed class BridgeAgent(HttpClient http, byte[] secret, Uri taskAddress)
{
    private const string Audience = "auto-com-center";
    private const int MaxSample = 300;

    private static readonly string Header = Base64Url.EncodeToString("""{"alg":"HS256","typ":"JWT"}"""u8);
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);

    /// <returns>What went wrong; <see langword="null"/> when nothing did. So do the others.</returns>
    public Task<(string Reason, string Sample)?> RegisterAsync(string agent, CancellationToken cancelled) => SendAsync("/orchestrator/register", agent, expires: false, w =>
    {
        w.WriteString("agent_id"u8, agent);
        w.WriteString("name"u8, "Load " + agent);
        w.WriteString("base_url"u8, taskAddress.ToString().TrimEnd('/'));
        w.WriteStartArray("capabilities"u8);
        w.WriteStringValue(LoadAgents.Action);
        w.WriteEndArray();
    }, cancelled);

    public Task<(string Reason, string Sample)?> HeartbeatAsync(string agent, CancellationToken cancelled) =>
        SendAsync("/orchestrator/heartbeat", agent, expires: false, w => w.WriteString("agent_id"u8, agent), cancelled);

    /// <param name="step">0: accepted, 1: in progress, 2: succeeded.</param>
    public Task<(string Reason, string Sample)?> CallbackAsync(string agent, string task, int step, CancellationToken cancelled) => SendAsync($"/orchestrator/tasks/{task}/callback", agent, expires: true, w =>
    {
        w.WriteString("task_id"u8, task);
        w.WriteString("status"u8, step switch { 0 => "accepted"u8, 1 => "in_progress"u8, _ => "succeeded"u8 });
        if (step == 2)
        {
            w.WriteStartObject("result"u8);
            w.WriteString("data"u8, "load"u8);
            w.WriteEndObject();
        }

        w.WriteString("trace_id"u8, task);
    }, cancelled);

    public Task<(string Reason, string Sample)?> EventAsync(string agent, string id, CancellationToken cancelled)
    {
        // Written twice, into the body and into the claims, which must not differ.
        DateTimeOffset now = DateTimeOffset.UtcNow;
        return SendAsync("/orchestrator/events", agent, expires: true, w =>
        {
            w.WriteString("event_id"u8, id);
            w.WriteString("type"u8, "load.happened"u8);
            w.WriteString("source"u8, agent);
            w.WriteStartObject("data"u8);
            w.WriteBoolean("load"u8, true);
            w.WriteEndObject();
            w.WriteString("time"u8, now);
            w.WriteString("trace_id"u8, id);
        }, cancelled);
    }

    private async Task<(string Reason, string Sample)?> SendAsync(string address, string agent, bool expires, Action<Utf8JsonWriter> members, CancellationToken cancelled)
    {
        long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var body = new ArrayBufferWriter<byte>(256);
        Write(body, members);
        var claims = new ArrayBufferWriter<byte>(320);
        Write(claims, w =>
        {
            members(w);
            w.WriteString("iss"u8, agent);
            w.WriteString("aud"u8, Audience);
            w.WriteNumber("iat"u8, now);
            if (expires)
            {
                w.WriteNumber("exp"u8, now + (long)Lifetime.TotalSeconds);
            }
        });
        string signed = $"{Header}.{Base64Url.EncodeToString(claims.WrittenSpan)}";
        string token = $"{signed}.{Base64Url.EncodeToString(HMACSHA256.HashData(secret, Encoding.ASCII.GetBytes(signed)))}";
        using var request = new HttpRequestMessage(HttpMethod.Post, address)
        {
            Content = new ReadOnlyMemoryContent(body.WrittenMemory) { Headers = { ContentType = new("application/json") } },
        };
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer " + token);
        request.Headers.TryAddWithoutValidation("X-Agent-Id", agent);
        try
        {
            using HttpResponseMessage answer = await http.SendAsync(request, cancelled);
            if (answer.StatusCode == HttpStatusCode.OK)
            {
                return null;
            }

            string text = await answer.Content.ReadAsStringAsync(cancelled);
            return ($"{(int)answer.StatusCode} {CodeOf(text)}", text.Length <= MaxSample ? text : text[..MaxSample] + "…");
        }
        catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && !cancelled.IsCancellationRequested))
        {
            return (e is OperationCanceledException ? "no answer in time" : e.GetType().Name, e.Message);
        }
    }

    private static void Write(ArrayBufferWriter<byte> into, Action<Utf8JsonWriter> members)
    {
        using var writer = new Utf8JsonWriter(into);
        writer.WriteStartObject();
        members(writer);
        writer.WriteEndObject();
    }

    private static string CodeOf(string text)
    {
        try
        {
            JsonElement answer = JsonElement.Parse(text);
            return answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("error", out JsonElement error) && error.ValueKind == JsonValueKind.Object && error.TryGetProperty("code", out JsonElement code)
                ? code.ToString()
                : "";
        }
        catch (JsonException)
        {
            return "";
        }
    }
}
