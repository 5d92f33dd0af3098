using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.Workflows;

/// <summary>Keeps a server up to date with the workflow files below a folder.</summary>
internal sealed class WorkflowSync(AgentFlowClient client, Terminal terminal, string folder, TimeProvider clock)
{
    private readonly Dictionary<string, string> _seen = new(StringComparer.Ordinal);

    /// <summary>Checks and registers every file that is new or has changed, its assets included, and says so.</summary>
    /// <returns>How many workflow files there are.</returns>
    public async Task<int> RunAsync(CancellationToken cancelled)
    {
        string[] files = [.. WorkflowFolder.Below(folder)];
        foreach (string gone in _seen.Keys.Except(files).ToArray())
        {
            _seen.Remove(gone);
            terminal.Note($"{gone} is gone; what was registered from it stays.");
        }

        foreach (string file in files)
        {
            LocalWorkflow local = LocalWorkflow.Read(file);
            string content = local.Upload is { } upload ? WorkflowVersions.Hash(upload) : "";
            if (_seen.GetValueOrDefault(file) != content || content.Length == 0)
            {
                _seen[file] = content;
                await UpdateAsync(local, cancelled);
            }
        }

        return files.Length;
    }

    private async Task UpdateAsync(LocalWorkflow local, CancellationToken cancelled)
    {
        WorkflowCheck check = await WorkflowCheck.RunAsync(client, local, cancelled);
        var registered = await WorkflowRegistration.RegisterAsync(
            client, terminal, check, (version, _) => WorkflowVersions.Development(version, clock.GetUtcNow()), beside: false, cancelled);
        if (terminal.IsJson)
        {
            terminal.WriteLine(ValidatedFile.Of(check) with { Version = registered?.Workflow.Version }, CliJson.Default.ValidatedFile);
        }
        else if (registered is var (workflow, isNew))
        {
            terminal.Say($"{local.Path}: {workflow.Name} {workflow.Version} {(isNew ? "is registered" : "is unchanged")}", Tone.Good);
        }
    }
}
