using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using AgentFlow.Server.Features.Access.Tokens;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Access.Oidc;

/// <summary>
/// Fetches what an OpenID provider publishes (OpenID Connect Discovery 1.0, 4). Goes nowhere but to the configured issuer and
/// the address that its document names: no redirects, no cookies, bounded in size and time.
/// </summary>
internal sealed class OidcDocuments : IDisposable
{
    private const int MaxBytes = 256 * 1024;
    private const int MaxKeys = 100;

    private readonly HttpClient _http;

    public OidcDocuments()
    {
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectTimeout = TimeSpan.FromSeconds(5),
            MaxResponseHeadersLength = 32,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(10),
        })
        {
            Timeout = TimeSpan.FromSeconds(10),
            MaxResponseContentBufferSize = MaxBytes,
        };
        _http.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
    }

    /// <summary>The provider's keys that tokens may be signed with, by name.</summary>
    /// <exception cref="OidcException">It does not answer, or with something else.</exception>
    public async Task<Dictionary<string, VerificationKey>> KeysAsync(string issuer, CancellationToken cancellationToken)
    {
        string discovery = $"{issuer.TrimEnd('/')}/.well-known/openid-configuration";
        JsonElement document = await GetAsync(discovery, cancellationToken).ConfigureAwait(false);
        string? named = Text(document, "issuer");
        if (named != issuer)
        {
            throw new OidcException($"{discovery} is the document of '{named}', not of '{issuer}': AF_OIDC_ISSUER must be spelled as the provider spells it");
        }

        string address = Text(document, "jwks_uri") ?? throw new OidcException($"{discovery} has no 'jwks_uri'");
        if (OidcOptions.AddressProblem(address) is { } problem)
        {
            throw new OidcException($"'jwks_uri' in {discovery} {problem}");
        }

        JsonElement set = await GetAsync(address, cancellationToken).ConfigureAwait(false);
        if (!set.TryGetProperty("keys", out JsonElement list) || list.ValueKind != JsonValueKind.Array || list.GetArrayLength() > MaxKeys)
        {
            throw new OidcException($"{address} is no list of at most {MaxKeys} keys");
        }

        var keys = new Dictionary<string, VerificationKey>(StringComparer.Ordinal);
        foreach (JsonElement jwk in list.EnumerateArray())
        {
            // Of two keys with one name neither can be meant.
            if (VerificationKey.OfJwk(jwk) is { } key && !keys.TryAdd(key.Id, key))
            {
                throw new OidcException($"{address} has two keys named '{key.Id}'");
            }
        }

        return keys;
    }

    public void Dispose() => _http.Dispose();

    private async Task<JsonElement> GetAsync(string address, CancellationToken cancellationToken)
    {
        try
        {
            using HttpResponseMessage response = await _http.GetAsync(new Uri(address), HttpCompletionOption.ResponseContentRead, cancellationToken).ConfigureAwait(false);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                throw new OidcException($"{address} answered {(int)response.StatusCode}");
            }

            byte[] body = await response.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false);
            StrictJson.Check(body);
            JsonElement json = JsonElement.Parse(body);
            return json.ValueKind == JsonValueKind.Object ? json : throw new OidcException($"{address} is no JSON object");
        }
        catch (Exception e) when (e is HttpRequestException or JsonException or ProblemException || (e is TaskCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new OidcException($"{address} cannot be read: {e.Message}");
        }
    }

    private static string? Text(JsonElement document, string name) =>
        document.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}

/// <summary>An OpenID provider does not publish what it must. Says what and where.</summary>
internal sealed class OidcException(string message) : Exception(message);
