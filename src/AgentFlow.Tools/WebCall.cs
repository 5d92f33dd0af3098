using System.Buffers;
using System.Net.Http.Headers;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Tools.BuiltIn.Http;

namespace AgentFlow.Tools;

/// <summary>
/// One request of the host's own to an address that somebody has registered: over a transport that checks where it leads, without
/// redirects, within a time and a size.
/// </summary>
public sealed class WebCall(HttpTransport transport, TimeProvider time)
{
    private const int ReadSize = 16 * 1024;

    private static readonly string UserAgent = "AgentFlow/" + typeof(WebCall).Assembly.GetName().Version?.ToString(2);

    /// <summary>Most bytes of an answer that are read. Default 64 KiB.</summary>
    public int MaxBytes { get; init; } = 64 * 1024;

    /// <summary>Upper bound of the whole exchange. Default 15 s.</summary>
    public TimeSpan Limit { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Sends it, once.</summary>
    /// <param name="body">Sent as JSON; <see langword="null"/> for a GET.</param>
    /// <returns>The answer, whatever its status; or why there is none.</returns>
    /// <exception cref="OperationCanceledException"><paramref name="cancellationToken"/> was cancelled.</exception>
    public async Task<(WebAnswer? Answer, StepError? Error)> SendAsync(Uri address, ReadOnlyMemory<byte>? body, IReadOnlyList<(string Name, string Value)> headers, CancellationToken cancellationToken)
    {
        string place = UrlRule.Origin(address);
        using var limit = new CancellationTokenSource(Limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        bool connected = false;
        try
        {
            using HttpRequestMessage message = Message(address, body, headers);
            using HttpResponseMessage response = await transport.SendAsync(message, either.Token).ConfigureAwait(false);
            connected = true;
            return await ReadAsync(response.Content, either.Token).ConfigureAwait(false) is { } content
                ? (new WebAnswer((int)response.StatusCode, content, RetryAfter(response, content)), null)
                : (null, new StepError("RESPONSE_TOO_LARGE", ErrorCategory.Permanent, $"{place} answered more than {MaxBytes} bytes"));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (null, limit.IsCancellationRequested
                ? new StepError("BAD_RESPONSE", ErrorCategory.Transient, $"{place} {(connected ? "broke off" : "did not answer")} within {Limit.TotalSeconds:0.###} s; it may have acted on the request")
                : ExchangeException.ConnectFailed(place, "it took too long"));
        }
        catch (Exception e) when (e is HttpRequestException or IOException or InvalidDataException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return (null, HttpExchange.Explain(e, place));
        }
    }

    /// <summary>Whether nothing can have arrived at the other side: the request was not sent.</summary>
    public static bool WasNotSent(StepError error) => error.Code is ExchangeException.ConnectFailedCode or "HOST_NOT_FOUND" or "NETWORK_BLOCKED" or "TLS_FAILED";

    private static HttpRequestMessage Message(Uri address, ReadOnlyMemory<byte>? body, IReadOnlyList<(string Name, string Value)> headers)
    {
        var message = new HttpRequestMessage(body is null ? HttpMethod.Get : HttpMethod.Post, address);
        if (body is { } bytes)
        {
            message.Content = new ReadOnlyMemoryContent(bytes);
            message.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        foreach ((string name, string value) in headers)
        {
            message.Headers.TryAddWithoutValidation(name, value);
        }

        message.Headers.TryAddWithoutValidation("User-Agent", UserAgent);
        return message;
    }

    private async Task<ReadOnlyMemory<byte>?> ReadAsync(HttpContent content, CancellationToken cancellationToken)
    {
        if (content.Headers.ContentLength > MaxBytes)
        {
            return null;
        }

        Stream stream = await content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            var body = new ArrayBufferWriter<byte>();
            while (await stream.ReadAsync(body.GetMemory(ReadSize), cancellationToken).ConfigureAwait(false) is > 0 and var read)
            {
                body.Advance(read);
                if (body.WrittenCount > MaxBytes)
                {
                    return null;
                }
            }

            return body.WrittenMemory;
        }
    }

    private TimeSpan? RetryAfter(HttpResponseMessage response, ReadOnlyMemory<byte> body) =>
        new HttpAnswer((int)response.StatusCode, HttpExchange.Headers(response), body).RetryAfter(time.GetUtcNow());
}

/// <param name="Body">After decompression.</param>
/// <param name="RetryAfter">The wait that the other side asks for; <see langword="null"/> when it asks for none.</param>
public sealed record WebAnswer(int Status, ReadOnlyMemory<byte> Body, TimeSpan? RetryAfter);
