using System.Net.Http.Headers;
using System.Text.Json;

namespace AgentFlow.Client;

public sealed partial class AgentFlowClient
{
    public Task<Page<Secret>> ListSecretsAsync(int size = 50, string? cursor = null, CancellationToken cancellationToken = default) =>
        GetAsync($"secrets?page[size]={size}{Cursor(cursor)}", ClientJson.Default.PageSecret, cancellationToken);

    /// <summary>Adds a secret or gives it other values.</summary>
    public async Task<Secret> SetSecretAsync(string name, SecretValues values, CancellationToken cancellationToken = default)
    {
        byte[] content = JsonSerializer.SerializeToUtf8Bytes(values, ClientJson.Default.SecretValues);
        using HttpResponseMessage response = await SendAsync(
            () => new HttpRequestMessage(HttpMethod.Put, $"secrets/{Escape(name)}") { Content = new ByteArrayContent(content) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } } },
            repeatable: true, HttpCompletionOption.ResponseContentRead, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(response, ClientJson.Default.Secret, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Gives a secret that exists other values.</summary>
    public async Task<Secret> RotateSecretAsync(string name, SecretValues values, CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await PostAsync($"secrets/{Escape(name)}/rotate", values, ClientJson.Default.SecretValues, idempotencyKey: null, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(response, ClientJson.Default.Secret, cancellationToken).ConfigureAwait(false);
    }

    public async Task RemoveSecretAsync(string name, CancellationToken cancellationToken = default) =>
        (await SendAsync(() => new HttpRequestMessage(HttpMethod.Delete, $"secrets/{Escape(name)}"), repeatable: false, HttpCompletionOption.ResponseContentRead, cancellationToken).ConfigureAwait(false)).Dispose();
}
