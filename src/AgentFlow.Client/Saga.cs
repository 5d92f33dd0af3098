using System.Text.Json;

namespace AgentFlow.Client;

/// <summary>What a run has done that can be undone.</summary>
/// <param name="Status"><c>none</c>, <c>armed</c>, <c>compensating</c>, <c>waiting</c>, <c>compensated</c>, <c>incomplete</c> or <c>kept</c>.</param>
/// <param name="Steps">In the order in which they were done; undoing goes backwards.</param>
public sealed record Saga(string RunId, string Status, IReadOnlyList<SagaStep> Steps);

/// <param name="Id">The visit that did it.</param>
/// <param name="Status"><c>done</c>, <c>compensating</c>, <c>asked</c>, <c>compensated</c> or <c>given_up</c>.</param>
/// <param name="Compensation">The step that undoes it; what <see cref="AgentFlowClient.ResolveAsync"/> takes when it is asked.</param>
/// <param name="Target">The tool or agent that undoes it.</param>
/// <param name="Input">What that is called with.</param>
public sealed record SagaStep(
    string Id, string Path, string Node, string Status, string? Compensation, string? Target, JsonElement? Input, int Attempts, DateTimeOffset? StartedAt, DateTimeOffset? EndedAt, RunError? Error);
