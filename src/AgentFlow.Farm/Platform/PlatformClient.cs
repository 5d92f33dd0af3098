using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace AgentFlow.Farm.Platform;

/// <summary>
/// Speaks the protocol with a platform that may be anybody's: every request has a time limit, every answer a size limit,
/// redirects are not followed, and what the content type says does not matter. Safe for concurrent use.
/// </summary>
public sealed class PlatformClient : IDisposable
{
    private const int MostBytes = 64 << 20;
    private const int MostProblemBytes = 64 << 10;
    private const int ShownProblem = 200;
    private readonly HttpClient _http;
    private readonly TimeSpan _limit;

    /// <param name="limit">Time for one request and its whole answer.</param>
    /// <param name="connections">Most connections at once.</param>
    public PlatformClient(Target target, TimeSpan limit, int connections = 64)
    {
        ArgumentNullException.ThrowIfNull(target);
        Target = target;
        _limit = limit;
        _http = new HttpClient(Handler(connections)) { Timeout = Timeout.InfiniteTimeSpan };
        target.Sign(_http.DefaultRequestHeaders);
        _http.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("AgentFlow-FARM", "1.0"));
    }

    public Target Target { get; }

    public Task<PlatformAnswer> PostFleetAsync(ReadOnlyMemory<byte> fleet, CancellationToken cancelled) => SendAsync("api/v1/stress-test/fleet", fleet, null, cancelled);

    public Task<PlatformAnswer> PostScenarioAsync(ReadOnlyMemory<byte> scenario, CancellationToken cancelled) => SendAsync("api/v1/stress-test/scenario", scenario, null, cancelled);

    /// <param name="key">Sent as <c>Idempotency-Key</c>: the same workflow may have to be sent again.</param>
    public Task<PlatformAnswer> PostWorkflowAsync(ReadOnlyMemory<byte> workflow, string key, CancellationToken cancelled) => SendAsync("api/v1/stress-test/workflow", workflow, key, cancelled);

    public Task<PlatformAnswer> GetScenarioAsync(string id, CancellationToken cancelled) => SendAsync($"api/v1/stress-test/scenario/{Uri.EscapeDataString(id)}", null, null, cancelled);

    public Task<PlatformAnswer> GetExecutionAsync(string id, CancellationToken cancelled) => SendAsync($"api/v1/stress-test/execution/{Uri.EscapeDataString(id)}", null, null, cancelled);

    public Task<PlatformAnswer> GetDashboardAsync(CancellationToken cancelled) => SendAsync("api/v1/aoa/dashboard", null, null, cancelled);

    public void Dispose() => _http.Dispose();

    internal static SocketsHttpHandler Handler(int connections) => new()
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        AutomaticDecompression = DecompressionMethods.All,
        ConnectTimeout = TimeSpan.FromSeconds(10),
        MaxConnectionsPerServer = connections,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
    };

    private async Task<PlatformAnswer> SendAsync(string path, ReadOnlyMemory<byte>? body, string? key, CancellationToken cancelled)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
        limit.CancelAfter(_limit);
        string what = $"{(body is null ? "GET" : "POST")} /{path}";
        try
        {
            using var request = new HttpRequestMessage(body is null ? HttpMethod.Get : HttpMethod.Post, Target.At(path));
            if (body is { } bytes)
            {
                request.Content = new ReadOnlyMemoryContent(bytes);
                request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            }

            if (key is not null)
            {
                request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
            }

            using HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token).ConfigureAwait(false);
            return await ReadAsync(what, response, limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancelled.IsCancellationRequested)
        {
            return Failure(AnswerKind.TimedOut, $"{what} had no complete answer within {_limit.TotalSeconds:0.###} s.");
        }
        catch (Exception e) when (e is HttpRequestException or IOException or InvalidDataException)
        {
            return Failure(AnswerKind.Unreachable, $"{what} failed: {e.Message}");
        }
    }

    private static async Task<PlatformAnswer> ReadAsync(string what, HttpResponseMessage response, CancellationToken cancelled)
    {
        int status = (int)response.StatusCode;
        Stream content = await response.Content.ReadAsStreamAsync(cancelled).ConfigureAwait(false);
        await using (content.ConfigureAwait(false))
        {
            if (!response.IsSuccessStatusCode)
            {
                byte[]? text = await ReadAsync(content, MostProblemBytes, cancelled).ConfigureAwait(false);
                return new PlatformAnswer(AnswerKind.Refused, status, default, RetryAfter(response), $"{what} answered {status}{Said(text)}");
            }

            byte[]? bytes = await ReadAsync(content, MostBytes, cancelled).ConfigureAwait(false);
            if (bytes is null)
            {
                return new PlatformAnswer(AnswerKind.Unusable, status, default, null, $"{what} answered more than {MostBytes >> 20} MiB.");
            }

            try
            {
                // Some write a byte order mark.
                ReadOnlyMemory<byte> json = bytes.AsSpan().StartsWith("\uFEFF"u8) ? bytes.AsMemory(3) : bytes;
                using JsonDocument document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowTrailingCommas = true });
                return document.RootElement.ValueKind == JsonValueKind.Object
                    ? new PlatformAnswer(AnswerKind.Ok, status, document.RootElement.Clone(), null, null)
                    : new PlatformAnswer(AnswerKind.Unusable, status, default, null, $"{what} answered {status} with JSON that is no object.");
            }
            catch (JsonException e)
            {
                return new PlatformAnswer(AnswerKind.Unusable, status, default, null, $"{what} answered {status} with something that is no JSON: {e.Message}");
            }
        }
    }

    /// <summary>All of it; <see langword="null"/> when it is more than the limit.</summary>
    private static async Task<byte[]?> ReadAsync(Stream content, int most, CancellationToken cancelled)
    {
        using var buffer = new MemoryStream();
        byte[] part = new byte[16 << 10];
        int read;
        while ((read = await content.ReadAsync(part, cancelled).ConfigureAwait(false)) > 0)
        {
            if (buffer.Length + read > most)
            {
                return null;
            }

            buffer.Write(part, 0, read);
        }

        return buffer.ToArray();
    }

    private static TimeSpan? RetryAfter(HttpResponseMessage response) =>
        response.Headers.RetryAfter is not { } header ? null
        : header.Delta ?? (header.Date is { } date ? Max(date - (response.Headers.Date ?? DateTimeOffset.UtcNow), TimeSpan.Zero) : null);

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private static string Said(byte[]? text)
    {
        if (text is null or [])
        {
            return ".";
        }

        string line = string.Concat(Encoding.UTF8.GetString(text).Select(c => char.IsControl(c) ? ' ' : c)).Trim();
        return $": {(line.Length <= ShownProblem ? line : line[..ShownProblem] + "…")}";
    }

    private static PlatformAnswer Failure(AnswerKind kind, string problem) => new(kind, 0, default, null, problem);
}
