using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Planning;

namespace AgentFlow.Engine.Tests.Planning;

internal static class PlannerRegistryCalls
{
    /// <summary>For planners that wait for nothing.</summary>
    public static PlannerResult Plan(this PlannerRegistry registry, PlanRequest request, string name, string? version = null, VersionMatch match = VersionMatch.Compatible)
    {
        Task<PlannerResult> planned = registry.PlanAsync(request, name, version, match).AsTask();
        Assert.True(planned.IsCompleted);
        return planned.GetAwaiter().GetResult();
    }
}
