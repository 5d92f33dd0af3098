using System.Globalization;
using System.Text.Json;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Secrets;

/// <summary>
/// Azure Key Vault, with a client's credentials. A secret is one text; its expiry is when it is due, and the tag
/// <c>rotate_every_days</c> its schedule.
/// </summary>
internal sealed class AzureSecrets(AzureSettings settings, TimeProvider clock) : ISecretProvider, IDisposable
{
    private const string Version = "api-version=7.4";
    private const string Schedule = "rotate_every_days";
    private const string TenantMark = "{tenant}";
    private const int MaxPages = 100;

    // Asked for anew before it runs out on the way.
    private static readonly TimeSpan Early = TimeSpan.FromMinutes(1);

    private readonly VaultCalls _calls = new("Azure Key Vault");
    private readonly SemaphoreSlim _gate = new(1, 1);
    private (string Token, DateTimeOffset Until)? _token;

    public string Name => "azure";

    public bool CanWrite => true;

    public bool IsLocal => false;

    public async ValueTask<Secret?> FindAsync(string tenant, string name, CancellationToken cancellationToken)
    {
        if (!Has(tenant, name) || await SendAsync(HttpMethod.Get, new Uri($"{Vault(tenant)}/secrets/{name}?{Version}"), null, cancellationToken).ConfigureAwait(false) is not { } answer)
        {
            return null;
        }

        return new Secret(StateOf(tenant, answer), new Dictionary<string, string> { [""] = answer.GetProperty("value").GetString() ?? "" });
    }

    public async ValueTask<IReadOnlyList<SecretState>> ListAsync(string tenant, CancellationToken cancellationToken)
    {
        var found = new List<SecretState>();
        if (!Has(tenant, ""))
        {
            return found;
        }

        var vault = new Uri(Vault(tenant));
        Uri? next = new($"{Vault(tenant)}/secrets?{Version}");
        for (int page = 0; next is not null && page < MaxPages; page++)
        {
            if (await SendAsync(HttpMethod.Get, next, null, cancellationToken).ConfigureAwait(false) is not { } answer)
            {
                break;
            }

            found.AddRange(answer.GetProperty("value").EnumerateArray().Select(item => StateOf(tenant, item)));
            // The token goes with it: to this vault and nowhere else.
            next = answer.TryGetProperty("nextLink", out JsonElement link) && Uri.TryCreate(link.GetString(), UriKind.Absolute, out Uri? more)
                && more.GetLeftPart(UriPartial.Authority) == vault.GetLeftPart(UriPartial.Authority) ? more : null;
        }

        return [.. found.OrderBy(s => s.Name, StringComparer.Ordinal)];
    }

    public async ValueTask<SecretState> SetAsync(string tenant, string name, IReadOnlyDictionary<string, string> fields, TimeSpan? rotateEvery, CancellationToken cancellationToken)
    {
        if (!Has(tenant, name) || fields is not { Count: 1 } || !fields.TryGetValue("", out string? value))
        {
            throw new SecretUnavailableException("Azure Key Vault keeps one text a secret, under letters, digits and '-', for tenants that have a vault: give a value without fields, and {tenant} in AF_AZURE_VAULT for other tenants than 'default'.");
        }

        TimeSpan? every = rotateEvery ?? (await FindAsync(tenant, name, cancellationToken).ConfigureAwait(false))?.State.RotateEvery;
        JsonElement answer = await SendAsync(HttpMethod.Put, new Uri($"{Vault(tenant)}/secrets/{name}?{Version}"), () => VaultCalls.Json(json =>
        {
            json.WriteString("value", value);
            if (every is { } length && length > TimeSpan.Zero)
            {
                json.WriteStartObject("attributes");
                json.WriteNumber("exp", (clock.GetUtcNow() + length).ToUnixTimeSeconds());
                json.WriteEndObject();
                json.WriteStartObject("tags");
                json.WriteString(Schedule, length.TotalDays.ToString(CultureInfo.InvariantCulture));
                json.WriteEndObject();
            }
        }), cancellationToken).ConfigureAwait(false) ?? throw new SecretUnavailableException("Azure Key Vault answered 404: correct AF_AZURE_VAULT.");
        return StateOf(tenant, answer);
    }

    public async ValueTask<bool> RemoveAsync(string tenant, string name, CancellationToken cancellationToken) =>
        Has(tenant, name) && await SendAsync(HttpMethod.Delete, new Uri($"{Vault(tenant)}/secrets/{name}?{Version}"), null, cancellationToken).ConfigureAwait(false) is not null;

    public void Dispose()
    {
        _calls.Dispose();
        _gate.Dispose();
    }

    /// <summary>One vault for all must not show a tenant's secrets to another one.</summary>
    private bool Has(string tenant, string name) =>
        (tenant == Tenant.Default || settings.Address.Contains(TenantMark, StringComparison.Ordinal)) && !tenant.Contains('_', StringComparison.Ordinal) && !name.Contains('_', StringComparison.Ordinal);

    private string Vault(string tenant) => settings.Address.Replace(TenantMark, tenant, StringComparison.Ordinal);

    private async Task<JsonElement?> SendAsync(HttpMethod method, Uri address, Func<HttpContent>? content, CancellationToken cancellationToken)
    {
        for (bool again = false; ; again = true)
        {
            string token = await TokenAsync(again, cancellationToken).ConfigureAwait(false);
            try
            {
                return await _calls.SendAsync(method, address, [("Authorization", "Bearer " + token)], content?.Invoke(), cancellationToken).ConfigureAwait(false);
            }
            catch (VaultRefusedException e) when (again)
            {
                throw new SecretUnavailableException(e.Message, e);
            }
            catch (VaultRefusedException)
            {
                // The token may have been revoked; a new one is not.
            }
        }
    }

    private async Task<string> TokenAsync(bool anew, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            DateTimeOffset now = clock.GetUtcNow();
            if (!anew && _token is { } known && now < known.Until)
            {
                return known.Token;
            }

            var form = new FormUrlEncodedContent(
            [
                new("grant_type", "client_credentials"), new("client_id", settings.Client), new("client_secret", settings.ClientSecret), new("scope", "https://vault.azure.net/.default"),
            ]);
            var address = new Uri($"{settings.Login.AbsoluteUri.TrimEnd('/')}/{Uri.EscapeDataString(settings.Directory)}/oauth2/v2.0/token");
            JsonElement answer = await _calls.SendAsync(HttpMethod.Post, address, [], form, cancellationToken).ConfigureAwait(false)
                ?? throw new SecretUnavailableException("The Entra tenant in AF_AZURE_TENANT does not exist.");
            string token = answer.GetProperty("access_token").GetString()!;
            _token = (token, now + TimeSpan.FromSeconds(answer.GetProperty("expires_in").GetInt64()) - Early);
            return token;
        }
        catch (VaultRefusedException e)
        {
            throw new SecretUnavailableException("Entra does not take AF_AZURE_CLIENT_ID and AF_AZURE_CLIENT_SECRET (401). Correct or renew them.", e);
        }
        finally
        {
            _gate.Release();
        }
    }

    private SecretState StateOf(string tenant, JsonElement secret)
    {
        // https://VAULT/secrets/NAME[/VERSION]
        string[] id = new Uri(secret.GetProperty("id").GetString()!).Segments;
        JsonElement attributes = secret.TryGetProperty("attributes", out JsonElement a) ? a : default;
        double? days = secret.TryGetProperty("tags", out JsonElement tags) && tags.ValueKind == JsonValueKind.Object && tags.TryGetProperty(Schedule, out JsonElement every)
            && double.TryParse(every.GetString(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double parsed) && parsed is > 0 and < 36_500 ? parsed : null;
        return new SecretState(
            tenant, id[2].Trim('/'), Name, [], id.Length > 3 ? id[3].Trim('/') : "", Time(attributes, "created"), Time(attributes, "updated"), days is { } d ? TimeSpan.FromDays(d) : null, Time(attributes, "exp"));
    }

    private static DateTimeOffset? Time(JsonElement attributes, string name) =>
        attributes.ValueKind == JsonValueKind.Object && attributes.TryGetProperty(name, out JsonElement time) && time.TryGetInt64(out long seconds) ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null;
}
