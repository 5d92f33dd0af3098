using System.Net;

namespace AgentFlow.Client;

public sealed partial class AgentFlowClient
{
    /// <summary>
    /// Registers a version. The same content again changes nothing; other content under a version that exists is refused
    /// (<c>WORKFLOW_VERSION_EXISTS</c>), and a file with errors too (<c>WORKFLOW_INVALID</c>, with every finding in
    /// the problem's errors).
    /// </summary>
    /// <returns>The version, and whether it is new.</returns>
    public async Task<(Workflow Workflow, bool IsNew)> RegisterAsync(WorkflowUpload upload, CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await UploadAsync("workflows", upload, cancellationToken).ConfigureAwait(false);
        return (await ReadAsync(response, ClientJson.Default.Workflow, cancellationToken).ConfigureAwait(false), response.StatusCode == HttpStatusCode.Created);
    }

    /// <summary>Checks a file without keeping it; fails as <see cref="RegisterAsync"/> does.</summary>
    public async Task<Workflow> ValidateAsync(WorkflowUpload upload, CancellationToken cancellationToken = default)
    {
        using HttpResponseMessage response = await UploadAsync("workflows?dry_run=true", upload, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(response, ClientJson.Default.Workflow, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A registered version; the newest one when none is named.</summary>
    public Task<Workflow> GetWorkflowAsync(string name, string? version = null, CancellationToken cancellationToken = default) =>
        GetAsync($"workflows/{Escape(name)}{(version is null ? "" : $"?version={Escape(version)}")}", ClientJson.Default.Workflow, cancellationToken);

    /// <summary>The newest version of each workflow, by name.</summary>
    public Task<Page<Workflow>> ListWorkflowsAsync(string? cursor = null, int size = 50, CancellationToken cancellationToken = default) =>
        GetAsync($"workflows?page[size]={size}{Cursor(cursor)}", ClientJson.Default.PageWorkflow, cancellationToken);

    /// <summary>The tools that workflows may call.</summary>
    public Task<Page<Tool>> ListToolsAsync(string? cursor = null, int size = 50, CancellationToken cancellationToken = default) =>
        GetAsync($"tools?page[size]={size}{Cursor(cursor)}", ClientJson.Default.PageTool, cancellationToken);

    private static string Cursor(string? cursor) => cursor is null ? "" : $"&page[cursor]={Escape(cursor)}";

    private Task<HttpResponseMessage> UploadAsync(string address, WorkflowUpload upload, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(upload);
        var body = new WorkflowBody(upload.Yaml, upload.Path, upload.Assets.ToDictionary(a => a.Key, a => a.Value.ToArray(), StringComparer.Ordinal));
        return PostAsync(address, body, ClientJson.Default.WorkflowBody, idempotencyKey: null, cancellationToken);
    }
}
