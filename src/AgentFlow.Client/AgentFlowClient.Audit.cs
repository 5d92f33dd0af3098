using System.Text;

namespace AgentFlow.Client;

public sealed partial class AgentFlowClient
{
    public Task<Page<AuditEntry>> ListAuditAsync(AuditQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        var address = new StringBuilder($"audit?page[size]={query.Size}{Cursor(query.Cursor)}&sort={(query.Ascending ? "number" : "-number")}");
        foreach ((string name, string? value) in new[]
        {
            ("filter[actor]", query.Actor), ("filter[action]", query.Action), ("filter[resource]", query.Resource), ("filter[decision]", query.Decision), ("from", query.From), ("to", query.To),
        })
        {
            if (value is not null)
            {
                address.Append('&').Append(name).Append('=').Append(Escape(value));
            }
        }

        return GetAsync(address.ToString(), ClientJson.Default.PageAuditEntry, cancellationToken);
    }

    /// <summary>Signed checkpoints, newest first.</summary>
    public Task<Page<AuditCheckpoint>> ListAuditCheckpointsAsync(int size = 50, string? cursor = null, CancellationToken cancellationToken = default) =>
        GetAsync($"audit/checkpoints?page[size]={size}{Cursor(cursor)}", ClientJson.Default.PageAuditCheckpoint, cancellationToken);

    /// <summary>Lets the server check the tenant's chain.</summary>
    public async Task<AuditVerification> VerifyAuditAsync(CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await PostAsync("audit/verify", new EmptyBody(), ClientJson.Default.EmptyBody, idempotencyKey: null, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(response, ClientJson.Default.AuditVerification, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Copies the tenant's chain, one JSON object a line.</summary>
    /// <param name="from">The first record.</param>
    public async Task ExportAuditAsync(Stream destination, long from = 0, CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await SendAsync(() => new HttpRequestMessage(HttpMethod.Get, $"audit/export?from={from}"), repeatable: true, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
        try
        {
            await response.Content.CopyToAsync(destination, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (IsConnectionFault(e, cancellationToken))
        {
            throw new ServerUnreachableException(_options.Server, e);
        }
    }
}
