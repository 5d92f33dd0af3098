using System.Buffers;
using System.Net.Http.Headers;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Tools.BuiltIn.Http;

/// <summary>One request with its redirects, up to the last byte of the answer: every hop under the same rules.</summary>
internal sealed class HttpExchange(HttpTransport transport, ExecutionProfile profile)
{
    private const int ReadSize = 16 * 1024;

    private static readonly string UserAgent = "AgentFlow/" + typeof(HttpExchange).Assembly.GetName().Version?.ToString(2);

    /// <summary>Gives the answer or why there is none. Cancellation is the caller's: time-outs throw through here.</summary>
    public async Task<(HttpAnswer? Answer, StepError? Error)> SendAsync(HttpCallRequest request, CancellationToken cancellationToken)
    {
        for (int hops = 0; ; hops++)
        {
            if (!profile.Admits(UrlRule.Host(request.Url), request.Url.Port))
                return (null, NotListed(request.Url));
            (HttpAnswer? answer, StepError? error) = await SendOnceAsync(request, cancellationToken).ConfigureAwait(false);
            if (answer is null || !Redirect.Is(answer.Status) || !answer.Headers.TryGetValue("location", out string? location))
                return (answer, error);
            if (hops == Redirect.Max)
                return (null, new StepError("TOO_MANY_REDIRECTS", ErrorCategory.Permanent, $"{UrlRule.Origin(request.Url)} redirects more than {Redirect.Max} times: call the final URL"));
            (HttpCallRequest? next, error) = Redirect.Follow(request, answer.Status, location);
            if (next is null)
                return (null, error);
            request = next;
        }
    }

    private async Task<(HttpAnswer? Answer, StepError? Error)> SendOnceAsync(HttpCallRequest request, CancellationToken cancellationToken)
    {
        string place = UrlRule.Origin(request.Url);
        try
        {
            using HttpRequestMessage message = Message(request);
            using HttpResponseMessage response = await transport.SendAsync(message, cancellationToken).ConfigureAwait(false);
            SortedDictionary<string, string> headers = Headers(response);
            // The body of a redirect that is followed concerns nobody.
            ReadOnlyMemory<byte>? body = Redirect.Is((int)response.StatusCode) && headers.ContainsKey("location")
                ? ReadOnlyMemory<byte>.Empty
                : await ReadAsync(response.Content, cancellationToken).ConfigureAwait(false);
            return body is { } bytes
                ? (new HttpAnswer((int)response.StatusCode, headers, bytes), null)
                : (null, new StepError(
                    "RESPONSE_TOO_LARGE",
                    ErrorCategory.Permanent,
                    $"the body from {place} is larger than {profile.MaxResponseBytes} bytes: ask for less, or raise the policy's response limit"));
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            // The transport's own limit for connecting; the request never went out.
            return (null, ExchangeException.ConnectFailed(place, e.InnerException is TimeoutException ? "it took too long" : e.Message));
        }
        catch (Exception e) when (e is HttpRequestException or IOException or InvalidDataException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return (null, Explain(e, place));
        }
    }

    private static HttpRequestMessage Message(HttpCallRequest request)
    {
        var message = new HttpRequestMessage(HttpMethod.Parse(request.Method), request.Url);
        if (request.Body is { } body)
        {
            message.Content = new ReadOnlyMemoryContent(body);
            message.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(request.BodyType);
        }
        else if (HttpCallRequest.IsMutating(request.Method))
        {
            // SocketsHttpHandler quietly repeats a request without content up to three times when the connection breaks before
            // an answer. Whether a change is repeated is decided by the step.
            message.Content = new ReadOnlyMemoryContent(default);
        }

        foreach ((string name, string value) in request.Headers)
        {
            // What describes a body (Content-Type, Expires, …) is refused by the first collection and has no place without one.
            if (!message.Headers.TryAddWithoutValidation(name, value) && message.Content is { } content)
            {
                content.Headers.Remove(name);
                content.Headers.TryAddWithoutValidation(name, value);
            }
        }

        if (!message.Headers.Contains("User-Agent"))
            message.Headers.TryAddWithoutValidation("User-Agent", UserAgent);
        if (request.IdempotencyKey is { } key)
            message.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        return message;
    }

    private async Task<ReadOnlyMemory<byte>?> ReadAsync(HttpContent content, CancellationToken cancellationToken)
    {
        if (content.Headers.ContentLength > profile.MaxResponseBytes)
            return null;
        Stream stream = await content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            var body = new ArrayBufferWriter<byte>();
            while (true)
            {
                int read = await stream.ReadAsync(body.GetMemory(ReadSize), cancellationToken).ConfigureAwait(false);
                if (read == 0)
                    return body.WrittenMemory;
                body.Advance(read);
                if (body.WrittenCount > profile.MaxResponseBytes)
                    return null;
            }
        }
    }

    internal static SortedDictionary<string, string> Headers(HttpResponseMessage response)
    {
        var headers = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach ((string name, HeaderStringValues values) in response.Headers.NonValidated.Concat(response.Content.Headers.NonValidated))
            headers[name.ToLowerInvariant()] = values.ToString();
        return headers;
    }

    internal static StepError Explain(Exception exception, string place)
    {
        for (Exception? e = exception; e is not null; e = e.InnerException)
        {
            if (e is ExchangeException refused)
                return refused.Error;
        }

        return (exception as HttpRequestException)?.HttpRequestError switch
        {
            HttpRequestError.ConfigurationLimitExceeded =>
                new StepError("RESPONSE_TOO_LARGE", ErrorCategory.Permanent, $"the headers from {place} are larger than the host's limit"),
            HttpRequestError.SecureConnectionError =>
                new StepError("TLS_FAILED", ErrorCategory.Permanent, $"no trusted TLS connection to {place}: check its certificate and its name"),
            HttpRequestError.ConnectionError => ExchangeException.ConnectFailed(place, "the connection was refused or reset"),
            _ => new StepError(
                "BAD_RESPONSE",
                ErrorCategory.Transient,
                $"{place} broke off or sent no valid response; it may have acted on the request"),
        };
    }

    public static StepError NotListed(Uri url) => new(
        "NETWORK_BLOCKED",
        ErrorCategory.Permission,
        $"{UrlRule.Origin(url)} is not among the hosts that the policies allow: add '{UrlRule.Host(url)}' to allowed_hosts");
}
