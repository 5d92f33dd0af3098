using System.Globalization;
using System.Text.Json;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Server.Features.Secrets;

/// <summary>
/// Vault's KV engine, version 2: a secret is a path whose keys are the fields; a lone key <c>value</c> is the secret itself. Its
/// schedule is the custom metadata <c>rotate_every_days</c>.
/// </summary>
internal sealed class VaultSecrets(VaultSettings settings) : ISecretProvider, IDisposable
{
    private const string Value = "value";
    private const string Schedule = "rotate_every_days";

    private readonly VaultCalls _calls = new("Vault");

    public string Name => "vault";

    public bool CanWrite => true;

    public bool IsLocal => false;

    public async ValueTask<Secret?> FindAsync(string tenant, string name, CancellationToken cancellationToken)
    {
        if (await SendAsync(HttpMethod.Get, "data", tenant, name, null, cancellationToken).ConfigureAwait(false) is not { } answer
            || !answer.TryGetProperty("data", out JsonElement data) || !data.TryGetProperty("data", out JsonElement pairs) || pairs.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        var fields = pairs.EnumerateObject().ToDictionary(p => p.Name, p => p.Value.ValueKind == JsonValueKind.String ? p.Value.GetString()! : p.Value.GetRawText(), StringComparer.Ordinal);
        if (fields.Count == 1 && fields.Remove(Value, out string? only))
        {
            fields[""] = only;
        }

        return new Secret(StateOf(tenant, name, [.. fields.Keys.Where(f => f.Length > 0)], data.TryGetProperty("metadata", out JsonElement metadata) ? metadata : default), fields);
    }

    public async ValueTask<IReadOnlyList<SecretState>> ListAsync(string tenant, CancellationToken cancellationToken)
    {
        var found = new List<SecretState>();
        if (await SendAsync(new HttpMethod("LIST"), "metadata", tenant, "", null, cancellationToken).ConfigureAwait(false) is not { } answer)
        {
            return found;
        }

        foreach (JsonElement key in answer.GetProperty("data").GetProperty("keys").EnumerateArray())
        {
            // Folders end with a slash and have no references here.
            if (key.GetString() is { } name && Engine.Secrets.SecretReference.IsName(name)
                && await SendAsync(HttpMethod.Get, "metadata", tenant, name, null, cancellationToken).ConfigureAwait(false) is { } one)
            {
                JsonElement metadata = one.GetProperty("data");
                string version = metadata.GetProperty("current_version").GetInt32().ToString(CultureInfo.InvariantCulture);
                JsonElement newest = metadata.TryGetProperty("versions", out JsonElement versions) && versions.TryGetProperty(version, out JsonElement v) ? v : default;
                found.Add(StateOf(tenant, name, [], metadata) with { Version = version, RotatedAt = Time(newest, "created_time") ?? Time(metadata, "updated_time") });
            }
        }

        return [.. found.Select(Due).OrderBy(s => s.Name, StringComparer.Ordinal)];
    }

    public async ValueTask<SecretState> SetAsync(string tenant, string name, IReadOnlyDictionary<string, string> fields, TimeSpan? rotateEvery, CancellationToken cancellationToken)
    {
        await SendAsync(HttpMethod.Post, "data", tenant, name, VaultCalls.Json(json =>
        {
            json.WriteStartObject("data");
            foreach ((string field, string value) in fields)
            {
                json.WriteString(field.Length == 0 ? Value : field, value);
            }

            json.WriteEndObject();
        }), cancellationToken).ConfigureAwait(false);
        if (rotateEvery is { } every)
        {
            await SendAsync(HttpMethod.Post, "metadata", tenant, name, VaultCalls.Json(json =>
            {
                json.WriteStartObject("custom_metadata");
                if (every > TimeSpan.Zero)
                {
                    json.WriteString(Schedule, every.TotalDays.ToString(CultureInfo.InvariantCulture));
                }

                json.WriteEndObject();
            }), cancellationToken).ConfigureAwait(false);
        }

        return (await FindAsync(tenant, name, cancellationToken).ConfigureAwait(false))?.State ?? throw new SecretUnavailableException($"Vault took {name} and does not have it.");
    }

    public async ValueTask<bool> RemoveAsync(string tenant, string name, CancellationToken cancellationToken)
    {
        bool exists = await FindAsync(tenant, name, cancellationToken).ConfigureAwait(false) is not null;
        await SendAsync(HttpMethod.Delete, "metadata", tenant, name, null, cancellationToken).ConfigureAwait(false);
        return exists;
    }

    public void Dispose() => _calls.Dispose();

    private async Task<JsonElement?> SendAsync(HttpMethod method, string kind, string tenant, string name, HttpContent? content, CancellationToken cancellationToken)
    {
        string folder = string.Join('/', settings.Path.Replace("{tenant}", tenant, StringComparison.Ordinal).Split('/', StringSplitOptions.RemoveEmptyEntries).Select(Uri.EscapeDataString));
        var address = new Uri($"{settings.Address.AbsoluteUri.TrimEnd('/')}/v1/{settings.Mount.Trim('/')}/{kind}/{folder}/{name}".TrimEnd('/'));
        IEnumerable<(string, string)> headers = [("X-Vault-Token", settings.Token), ("X-Vault-Request", "true"), .. settings.Namespace is { } space ? [("X-Vault-Namespace", space)] : Array.Empty<(string, string)>()];
        try
        {
            return await _calls.SendAsync(method, address, headers, content, cancellationToken).ConfigureAwait(false);
        }
        catch (VaultRefusedException e)
        {
            throw new SecretUnavailableException(e.Message, e);
        }
    }

    private SecretState StateOf(string tenant, string name, IReadOnlyList<string> fields, JsonElement metadata)
    {
        double? days = metadata.ValueKind == JsonValueKind.Object && metadata.TryGetProperty("custom_metadata", out JsonElement custom) && custom.ValueKind == JsonValueKind.Object
            && custom.TryGetProperty(Schedule, out JsonElement every) && every.ValueKind == JsonValueKind.String
            && double.TryParse(every.GetString(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double parsed) && parsed is > 0 and < 36_500 ? parsed : null;
        string version = metadata.ValueKind == JsonValueKind.Object && metadata.TryGetProperty("version", out JsonElement v) ? v.GetRawText() : "";
        DateTimeOffset? created = Time(metadata, "created_time");
        return Due(new SecretState(tenant, name, Name, [.. fields.Order(StringComparer.Ordinal)], version, created, created, days is { } d ? TimeSpan.FromDays(d) : null, null));
    }

    private static SecretState Due(SecretState state) => state with { DueAt = state.RotatedAt + state.RotateEvery };

    private static DateTimeOffset? Time(JsonElement of, string name) =>
        of.ValueKind == JsonValueKind.Object && of.TryGetProperty(name, out JsonElement time) && time.TryGetDateTimeOffset(out DateTimeOffset at) ? at : null;
}
