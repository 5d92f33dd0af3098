using AgentFlow.Client;
using AgentFlow.Contracts.Errors;

namespace AgentFlow.Cli.Workflows;

/// <summary>What a server says about a workflow file.</summary>
/// <param name="Workflow"><see langword="null"/> when the file has errors.</param>
internal sealed record WorkflowCheck(LocalWorkflow Local, Workflow? Workflow, IReadOnlyList<Finding> Findings)
{
    public static async Task<WorkflowCheck> RunAsync(AgentFlowClient client, LocalWorkflow local, CancellationToken cancelled)
    {
        if (local.Upload is null)
        {
            return new WorkflowCheck(local, null, local.Findings);
        }

        try
        {
            Workflow workflow = await client.ValidateAsync(local.Upload, cancelled);
            IReadOnlyList<Finding> all = local.With(workflow.Diagnostics.Select(d => Finding.Of(d, local.Path)));
            return new WorkflowCheck(local, all.Any(f => f.IsError) ? null : workflow, all);
        }
        catch (AgentFlowException e) when (e.Code == ErrorCode.WorkflowInvalid.Code)
        {
            return new WorkflowCheck(local, null, local.With((e.Problem.Errors ?? []).Select(entry => Finding.Of(entry, local.Path))));
        }
    }
}
