using AgentFlow.Cli.Templates;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;
using AgentFlow.Contracts.Errors;

namespace AgentFlow.Cli.Workflows;

/// <summary>Brings workflow files to a server.</summary>
internal static class WorkflowRegistration
{
    private const string VersionPointer = "/version";

    /// <summary>Checks a file, shows what was found, and registers it when it has no errors.</summary>
    /// <param name="onConflict">The version to take instead when this one exists with other content; gets the file's version.</param>
    /// <param name="beside">Whether the findings are a remark beside the result, or the result itself.</param>
    /// <returns>The registered version, and whether it is new; <see langword="null"/> when the file has errors.</returns>
    public static async Task<(Workflow Workflow, bool IsNew)?> RegisterAsync(
        AgentFlowClient client, Terminal terminal, WorkflowCheck check, Func<string, WorkflowUpload, string> onConflict, bool beside, CancellationToken cancelled)
    {
        terminal.Show(check, beside);
        if (check.Workflow is not { } workflow || check.Local.Upload is not { } upload)
        {
            return null;
        }

        try
        {
            return await client.RegisterAsync(upload, cancelled);
        }
        catch (AgentFlowException e) when (e.Code == ErrorCode.WorkflowVersionExists.Code)
        {
            string version = onConflict(workflow.Version, upload);
            string yaml = YamlEdit.Replace(upload.Yaml, VersionPointer, YamlEdit.Text(version))
                ?? throw CliException.Failed($"{check.Local.Path}: {e.Message}");
            terminal.Note($"{workflow.Name} {workflow.Version} is registered with other content; this one is {version}. Raise 'version' in the file to keep it.");
            return await client.RegisterAsync(upload with { Yaml = yaml }, cancelled);
        }
    }
}
