using System.Net;
using System.Text;
using System.Text.Json;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Server.Features.Secrets;

/// <summary>Calls of somebody else's vault. What goes wrong is said without repeating anything that was sent or answered.</summary>
internal sealed class VaultCalls(string name) : IDisposable
{
    private const int MaxAnswer = 1024 * 1024;

    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(5) })
    {
        Timeout = TimeSpan.FromSeconds(10),
        MaxResponseContentBufferSize = MaxAnswer,
    };

    /// <returns><see langword="null"/> for 404; an undefined element for an answer without a body.</returns>
    /// <exception cref="SecretUnavailableException">No answer, or another one than was hoped for.</exception>
    /// <exception cref="VaultRefusedException">401.</exception>
    public async Task<JsonElement?> SendAsync(HttpMethod method, Uri address, IEnumerable<(string Name, string Value)> headers, HttpContent? content, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, address) { Content = content };
        foreach ((string header, string value) in headers)
        {
            request.Headers.TryAddWithoutValidation(header, value);
        }

        string place = $"{name} at {address.GetLeftPart(UriPartial.Authority)}";
        try
        {
            using HttpResponseMessage answer = await _http.SendAsync(request, cancellationToken).ConfigureAwait(false);
            switch (answer.StatusCode)
            {
                case HttpStatusCode.NotFound:
                    return null;
                case HttpStatusCode.Unauthorized:
                    throw new VaultRefusedException($"{place} does not take the credentials (401). Correct them.");
                case HttpStatusCode.Forbidden:
                    throw new SecretUnavailableException($"{place} refuses (403). Grant the credentials access to this secret, or renew them.");
                case var status when !answer.IsSuccessStatusCode:
                    throw new SecretUnavailableException($"{place} answered {(int)status}.");
            }

            byte[] body = await answer.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false);
            return body.Length == 0 ? default(JsonElement) : JsonElement.Parse(body);
        }
        catch (HttpRequestException e)
        {
            throw new SecretUnavailableException($"{place} cannot be reached ({e.HttpRequestError}).", e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new SecretUnavailableException($"{place} did not answer in time.", e);
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            throw new SecretUnavailableException($"{place} answered something that is not JSON.");
        }
    }

    /// <summary>A body of JSON.</summary>
    public static HttpContent Json(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }

        return new StringContent(Encoding.UTF8.GetString(buffer.ToArray()), Encoding.UTF8, "application/json");
    }

    public void Dispose() => _http.Dispose();
}

/// <summary>The credentials are not taken, or not any more.</summary>
internal sealed class VaultRefusedException(string message) : Exception(message);
