using System.Net.Http.Headers;
using System.Text.Json;

namespace AgentFlow.Client;

public sealed partial class AgentFlowClient
{
    /// <param name="workflow">As the settings hold for it; <see langword="null"/>: for the tenant.</param>
    public Task<Page<ConfigSetting>> ListConfigAsync(string? workflow = null, int size = 50, string? cursor = null, CancellationToken cancellationToken = default) =>
        GetAsync($"config?page[size]={size}{Cursor(cursor)}{(workflow is null ? "" : $"&workflow={Escape(workflow)}")}", ClientJson.Default.PageConfigSetting, cancellationToken);

    /// <inheritdoc cref="ListConfigAsync"/>
    public Task<ConfigSetting> GetConfigAsync(string key, string? workflow = null, CancellationToken cancellationToken = default) =>
        GetAsync($"config/{Escape(key)}{(workflow is null ? "" : $"?workflow={Escape(workflow)}")}", ClientJson.Default.ConfigSetting, cancellationToken);

    /// <param name="value"><see langword="null"/> gives up what was set.</param>
    /// <param name="workflow">For this workflow alone.</param>
    public async Task<ConfigSetting> SetConfigAsync(string key, string? value, string? workflow = null, CancellationToken cancellationToken = default)
    {
        byte[] content = JsonSerializer.SerializeToUtf8Bytes(new ConfigSetBody(value, workflow), ClientJson.Default.ConfigSetBody);
        using HttpResponseMessage response = await SendAsync(
            () => new HttpRequestMessage(HttpMethod.Put, $"config/{Escape(key)}") { Content = new ByteArrayContent(content) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } } },
            repeatable: true, HttpCompletionOption.ResponseContentRead, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(response, ClientJson.Default.ConfigSetting, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>What the tenant has set, newest first.</summary>
    public Task<Page<ConfigVersion>> ListConfigHistoryAsync(int size = 50, string? cursor = null, CancellationToken cancellationToken = default) =>
        GetAsync($"config/history?page[size]={size}{Cursor(cursor)}", ClientJson.Default.PageConfigVersion, cancellationToken);

    /// <summary>Makes an earlier version hold again.</summary>
    /// <returns>The version that holds now.</returns>
    public async Task<long> RollbackConfigAsync(long version, CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await PostAsync("config/rollback", new ConfigVersionBody(version), ClientJson.Default.ConfigVersionBody, idempotencyKey: null, cancellationToken).ConfigureAwait(false);
        return (await ReadAsync(response, ClientJson.Default.ConfigVersionBody, cancellationToken).ConfigureAwait(false)).Version;
    }
}
