using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace AgentFlow.Cli.Chaos;

/// <summary>
/// A model's provider behind the real client: answers chat completions in OpenAI's wire format with what the call under way is to
/// be answered, or breaks as its fault says. Parsing, limits and classification of errors are the product's own.
/// </summary>
internal sealed class ChaosEndpoint(TimeProvider clock) : HttpMessageHandler
{
    private const string Slow = "slow";
    private static readonly AsyncLocal<ModelTurn?> Turn = new();

    /// <summary>Runs a call whose requests are answered as <paramref name="turn"/> says.</summary>
    public static async ValueTask<T> AnswerAsync<T>(ModelTurn turn, Func<ValueTask<T>> call)
    {
        Turn.Value = turn;
        try
        {
            return await call().ConfigureAwait(false);
        }
        finally
        {
            Turn.Value = null;
        }
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        ModelTurn turn = Turn.Value ?? throw new InvalidOperationException("Nobody expects a request to a model now.");
        await Task.Delay(turn.Latency, clock, cancellationToken).ConfigureAwait(false);
        return turn.Fault switch
        {
            ChaosFault.RateLimited => Limited(null),
            ChaosFault.RateLimitedFor => Limited(TimeSpan.FromSeconds(7)),
            ChaosFault.MalformedAnswer => Json("""{"id":"chatcmpl-chaos","object":"chat.completion","choices":[{"index":0,"mess"""),
            ChaosFault.EmptyAnswer => Json(Completion(turn, "", "stop")),
            ChaosFault.WrongTool => Json(ToolCall(turn)),
            ChaosFault.SlowDrip => Dripping(Completion(turn, turn.Text, "stop")),
            _ => Json(Completion(turn, turn.Text, "stop")),
        };
    }

    private static HttpResponseMessage Limited(TimeSpan? wait)
    {
        var response = new HttpResponseMessage(HttpStatusCode.TooManyRequests) { Content = Content("""{"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded"}}""") };
        response.Headers.RetryAfter = wait is { } time ? new RetryConditionHeaderValue(time) : null;
        return response;
    }

    private static HttpResponseMessage Json(string body) => new(HttpStatusCode.OK) { Content = Content(body) };

    private static StringContent Content(string body) => new(body, Encoding.UTF8, "application/json");

    private HttpResponseMessage Dripping(string body)
    {
        var content = new StreamContent(new DripStream(Encoding.UTF8.GetBytes(body), clock));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return new HttpResponseMessage(HttpStatusCode.OK) { Content = content, ReasonPhrase = Slow };
    }

    private static string Completion(ModelTurn turn, string text, string reason) =>
        $$$"""{"id":"chatcmpl-chaos","object":"chat.completion","model":"chaos","choices":[{"index":0,"message":{"role":"assistant","content":"{{{JsonEncodedText.Encode(text)}}}"},"finish_reason":"{{{reason}}}"}],"usage":{"prompt_tokens":{{{turn.InputTokens}}},"completion_tokens":{{{turn.OutputTokens}}},"total_tokens":{{{turn.InputTokens + turn.OutputTokens}}}}}""";

    private static string ToolCall(ModelTurn turn) =>
        $$$"""{"id":"chatcmpl-chaos","object":"chat.completion","model":"chaos","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"admin.delete_everything","arguments":"{}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":{{{turn.InputTokens}}},"completion_tokens":9,"total_tokens":{{{turn.InputTokens + 9}}}}}""";

    /// <summary>A hundred pieces, two seconds apart.</summary>
    private sealed class DripStream(byte[] body, TimeProvider clock) : Stream
    {
        private static readonly TimeSpan Between = TimeSpan.FromSeconds(2);
        private int _at;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_at >= body.Length)
            {
                return 0;
            }

            await Task.Delay(Between, clock, cancellationToken).ConfigureAwait(false);
            int piece = Math.Min(Math.Min(buffer.Length, Math.Max(1, body.Length / 100)), body.Length - _at);
            body.AsMemory(_at, piece).CopyTo(buffer);
            _at += piece;
            return piece;
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("The answer is read without blocking.");

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}

/// <summary>What a model's provider is to answer to one call.</summary>
/// <param name="Latency">Before the first byte.</param>
internal sealed record ModelTurn(string Text, ChaosFault? Fault, TimeSpan Latency, long InputTokens, long OutputTokens);
