using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace AgentFlow.Cli.Chaos;

/// <summary>
/// A model's provider behind the real client: answers in the wire format of OpenAI's chat completions or of Anthropic's messages,
/// by the address that is asked, with what the call under way is to be answered, or breaks as its fault says. Parsing, limits and
/// classification of errors are the product's own.
/// </summary>
internal sealed class ChaosEndpoint(TimeProvider clock) : HttpMessageHandler
{
    private const string Slow = "slow";
    private const string ToolOfNobody = "admin.delete_everything";
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
        IWire wire = request.RequestUri!.AbsolutePath.EndsWith("/messages", StringComparison.Ordinal) ? new AnthropicWire() : new OpenAiWire();
        return turn.Fault switch
        {
            ChaosFault.RateLimited => Limited(wire, null),
            ChaosFault.RateLimitedFor => Limited(wire, TimeSpan.FromSeconds(7)),
            ChaosFault.MalformedAnswer => Json(wire.Broken),
            ChaosFault.EmptyAnswer => Json(wire.Answer(turn, "")),
            ChaosFault.WrongTool => Json(wire.ToolCall(turn)),
            ChaosFault.SlowDrip => Dripping(wire.Answer(turn, turn.Text)),
            _ => Json(wire.Answer(turn, turn.Text)),
        };
    }

    private static HttpResponseMessage Limited(IWire wire, TimeSpan? wait)
    {
        var response = new HttpResponseMessage(HttpStatusCode.TooManyRequests) { Content = Content(wire.TooMany) };
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

    /// <summary>How a vendor writes what every vendor can say.</summary>
    private interface IWire
    {
        /// <summary>Body of an answer with 429.</summary>
        string TooMany { get; }

        /// <summary>The beginning of an answer.</summary>
        string Broken { get; }

        string Answer(ModelTurn turn, string text);

        /// <summary>Calls a tool that nobody offered.</summary>
        string ToolCall(ModelTurn turn);
    }

    /// <summary>https://platform.openai.com/docs/api-reference/chat/object</summary>
    private sealed class OpenAiWire : IWire
    {
        public string TooMany => """{"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded"}}""";

        public string Broken => """{"id":"chatcmpl-chaos","object":"chat.completion","choices":[{"index":0,"mess""";

        public string Answer(ModelTurn turn, string text) =>
            $$$"""{"id":"chatcmpl-chaos","object":"chat.completion","model":"chaos","choices":[{"index":0,"message":{"role":"assistant","content":"{{{JsonEncodedText.Encode(text)}}}"},"finish_reason":"stop"}],"usage":{"prompt_tokens":{{{turn.InputTokens}}},"completion_tokens":{{{turn.OutputTokens}}},"total_tokens":{{{turn.InputTokens + turn.OutputTokens}}}}}""";

        public string ToolCall(ModelTurn turn) =>
            $$$"""{"id":"chatcmpl-chaos","object":"chat.completion","model":"chaos","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"{{{ToolOfNobody}}}","arguments":"{}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":{{{turn.InputTokens}}},"completion_tokens":9,"total_tokens":{{{turn.InputTokens + 9}}}}}""";
    }

    /// <summary>https://docs.anthropic.com/en/api/messages and /errors</summary>
    private sealed class AnthropicWire : IWire
    {
        public string TooMany => """{"type":"error","error":{"type":"rate_limit_error","message":"Rate limit reached"}}""";

        public string Broken => """{"id":"msg_chaos","type":"message","role":"assistant","content":[{"type":"te""";

        public string Answer(ModelTurn turn, string text) =>
            Message(turn, text.Length == 0 ? "" : $$$"""{"type":"text","text":"{{{JsonEncodedText.Encode(text)}}}"}""", "end_turn", turn.OutputTokens);

        public string ToolCall(ModelTurn turn) => Message(turn, $$$"""{"type":"tool_use","id":"toolu_1","name":"{{{ToolOfNobody}}}","input":{}}""", "tool_use", 9);

        private static string Message(ModelTurn turn, string content, string reason, long output) =>
            $$$"""{"id":"msg_chaos","type":"message","role":"assistant","model":"chaos","content":[{{{content}}}],"stop_reason":"{{{reason}}}","stop_sequence":null,"usage":{"input_tokens":{{{turn.InputTokens}}},"output_tokens":{{{output}}}}}""";
    }

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
