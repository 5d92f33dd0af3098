using AgentFlow.Cli.Templates;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;
using AgentFlow.Contracts.Errors;

namespace AgentFlow.Cli.Workflows;

/// <summary>Finds the workflow that a command line names: a file, a template, or a registered workflow, in this order.</summary>
internal sealed class WorkflowReference(AgentFlowClient client, Terminal terminal)
{
    /// <param name="name">What the user wrote.</param>
    /// <param name="parameters">What <c>-p</c> said.</param>
    /// <returns>A version that the server has.</returns>
    /// <exception cref="CliException">Nothing has that name, or it has errors.</exception>
    public async Task<Workflow> ResolveAsync(string name, IReadOnlyDictionary<string, string> parameters, CancellationToken cancelled)
    {
        if (LooksLikeFile(name))
        {
            RefuseParameters(parameters, name);
            string path = Directory.Exists(name) ? Path.Combine(name, "workflow.yaml") : name;
            return File.Exists(path)
                ? await RegisterAsync(LocalWorkflow.Read(path), cancelled)
                : throw CliException.Usage($"there is no file {path}.");
        }

        if (TemplateCatalog.Find(name) is { } template)
        {
            return await ResolveAsync(template, parameters, cancelled);
        }

        RefuseParameters(parameters, name);
        try
        {
            return await client.GetWorkflowAsync(name, cancellationToken: cancelled);
        }
        catch (AgentFlowException e) when (e.Code == ErrorCode.WorkflowNotFound.Code)
        {
            throw CliException.Usage($"'{name}' is no file, no template ({string.Join(", ", TemplateCatalog.Names)}) and no workflow that the server knows.");
        }
    }

    /// <summary>A template's workflow, with its parameters set.</summary>
    /// <exception cref="CliException">A parameter is wrong, or the workflow has errors.</exception>
    public async Task<Workflow> ResolveAsync(Template template, IReadOnlyDictionary<string, string> parameters, CancellationToken cancelled)
    {
        LocalWorkflow local = LocalWorkflow.Read(template.WorkflowPath);
        return await RegisterAsync(
            local.Upload is { } upload ? local with { Upload = upload with { Yaml = TemplateValues.Apply(template, upload.Yaml, parameters) } } : local,
            cancelled);
    }

    private static bool LooksLikeFile(string name) =>
        name.AsSpan().IndexOfAny('/', '\\') >= 0 || Path.GetExtension(name) is ".yaml" or ".yml" || File.Exists(name);

    private static void RefuseParameters(IReadOnlyDictionary<string, string> parameters, string name)
    {
        if (parameters.Count > 0)
        {
            throw CliException.Usage($"-p sets parameters of templates, and '{name}' is none. Write the values into the file.");
        }
    }

    private async Task<Workflow> RegisterAsync(LocalWorkflow local, CancellationToken cancelled)
    {
        WorkflowCheck check = await WorkflowCheck.RunAsync(client, local, cancelled);
        return await WorkflowRegistration.RegisterAsync(client, terminal, check, WorkflowVersions.Local, beside: true, cancelled) is var (workflow, _)
            ? workflow
            : throw CliException.Failed($"{local.Path} has errors, so nothing was run.");
    }
}
