using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Json;

namespace AgentFlow.Client;

/// <summary>
/// Speaks the HTTP API of one server as one tenant. Safe for concurrent use; keeps its connections until it is disposed.
/// Methods throw <see cref="AgentFlowException"/> when the server refuses and <see cref="ServerUnreachableException"/>
/// when none answers.
/// </summary>
public sealed partial class AgentFlowClient : IDisposable
{
    private const string ApiBase = "api/v1/";

    private readonly AgentFlowClientOptions _options;
    private readonly HttpClient _http;

    public AgentFlowClient(AgentFlowClientOptions options)
        : this(options, Connect(options))
    {
    }

    internal AgentFlowClient(AgentFlowClientOptions options, HttpMessageHandler handler)
    {
        _options = options;
        _http = new HttpClient(handler)
        {
            BaseAddress = new Uri(options.Server.BaseAddress, ApiBase),
            // Streams and waiting executions last as long as a run does; callers bring their own tokens.
            Timeout = Timeout.InfiniteTimeSpan,
        };
        if (options.Tenant is { } tenant)
        {
            _http.DefaultRequestHeaders.Add("X-Tenant-ID", tenant);
        }

        if (options.Token is { } token)
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        _http.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
    }

    /// <summary>The server that this client talks to.</summary>
    public ServerAddress Server => _options.Server;

    public void Dispose() => _http.Dispose();

    private static SocketsHttpHandler Connect(AgentFlowClientOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var handler = new SocketsHttpHandler { ConnectTimeout = options.ConnectTimeout, AllowAutoRedirect = false };
        if (options.Server.SocketPath is { } path)
        {
            handler.UseProxy = false;
            handler.ConnectCallback = async (_, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken).ConfigureAwait(false);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            };
        }

        return handler;
    }

    private static string Escape(string text) => Uri.EscapeDataString(text);

    private async Task<T> GetAsync<T>(string address, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await SendAsync(() => new HttpRequestMessage(HttpMethod.Get, address), repeatable: true, HttpCompletionOption.ResponseContentRead, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(response, type, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends a change that is not safe to repeat.</summary>
    private Task<HttpResponseMessage> SendAsync<T>(HttpMethod method, string address, T body, JsonTypeInfo<T> type, CancellationToken cancellationToken) =>
        SendAsync(method, address, body, type, idempotencyKey: null, cancellationToken);

    private Task<HttpResponseMessage> PostAsync<T>(string address, T body, JsonTypeInfo<T> type, string? idempotencyKey, CancellationToken cancellationToken) =>
        SendAsync(HttpMethod.Post, address, body, type, idempotencyKey, cancellationToken);

    private async Task<HttpResponseMessage> SendAsync<T>(HttpMethod method, string address, T body, JsonTypeInfo<T> type, string? idempotencyKey, CancellationToken cancellationToken)
    {
        byte[] content = JsonSerializer.SerializeToUtf8Bytes(body, type);
        return await SendAsync(
            () =>
            {
                var request = new HttpRequestMessage(method, address) { Content = new ByteArrayContent(content) };
                request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
                if (idempotencyKey is not null)
                {
                    request.Headers.Add("Idempotency-Key", idempotencyKey);
                }

                return request;
            },
            repeatable: idempotencyKey is not null,
            HttpCompletionOption.ResponseContentRead,
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends, again if that is safe and may help, and gives the successful answer.</summary>
    private async Task<HttpResponseMessage> SendAsync(Func<HttpRequestMessage> make, bool repeatable, HttpCompletionOption completion, CancellationToken cancellationToken)
    {
        TimeSpan pause = _options.RetryDelay;
        for (int attempt = 1; ; attempt++)
        {
            bool last = !repeatable || attempt >= _options.MaxAttempts;
            try
            {
                using HttpRequestMessage request = make();
                if (_options.TokenSource is { } source)
                {
                    request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", await source(cancellationToken).ConfigureAwait(false));
                }

                HttpResponseMessage response = await _http.SendAsync(request, completion, cancellationToken).ConfigureAwait(false);
                if (response.IsSuccessStatusCode)
                {
                    return response;
                }

                using (response)
                {
                    if (last || response.StatusCode != HttpStatusCode.ServiceUnavailable)
                    {
                        throw new AgentFlowException(await ReadProblemAsync(response, cancellationToken).ConfigureAwait(false));
                    }
                }
            }
            catch (Exception e) when (IsConnectionFault(e, cancellationToken))
            {
                if (last)
                {
                    throw new ServerUnreachableException(_options.Server, e);
                }
            }

            await Task.Delay(pause, _options.Clock, cancellationToken).ConfigureAwait(false);
            pause *= 2;
        }
    }

    private static bool IsConnectionFault(Exception e, CancellationToken cancellationToken) =>
        e is HttpRequestException or IOException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested);

    private async Task<T> ReadAsync<T>(HttpResponseMessage response, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        try
        {
            byte[] body = await response.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false);
            return JsonSerializer.Deserialize(body, type) ?? throw new JsonException("The answer is null.");
        }
        catch (JsonException e)
        {
            throw new AgentFlowException(Unreadable(response, $"{_options.Server} does not answer like an AgentFlow server: {e.Message}"));
        }
    }

    private async Task<Problem> ReadProblemAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            byte[] body = await response.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false);
            Problem? problem = response.Content.Headers.ContentType?.MediaType == Problem.MediaType
                ? JsonSerializer.Deserialize(body, WireJson.Default.Problem)
                : ReadBridgeError(response, body);
            if (problem is not null)
            {
                return problem;
            }
        }
        catch (JsonException)
        {
            // A problem document that is none; the status line still says something.
        }

        return Unreadable(response, $"{_options.Server} answered {(int)response.StatusCode} {response.ReasonPhrase} to {response.RequestMessage?.Method} {response.RequestMessage?.RequestUri?.PathAndQuery}, and not as an AgentFlow server does.");
    }

    private static Problem Unreadable(HttpResponseMessage response, string detail) => new()
    {
        Type = "about:blank",
        Title = response.ReasonPhrase ?? "",
        Status = (int)response.StatusCode,
        Detail = detail,
        Code = ErrorCode.InternalError.Code,
        Retryable = false,
    };
}
