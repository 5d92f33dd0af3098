namespace AgentFlow.Client;

/// <summary>A schedule of a workflow.</summary>
/// <param name="Id">The workflow and the schedule's name, with a dot between them.</param>
/// <param name="NextAt">When it fires next; absent while it is paused.</param>
/// <param name="LastAt">The instant for which it has started a run last.</param>
/// <param name="Next">The times to come; absent in lists.</param>
public sealed record Schedule(string Id, string Workflow, string Name, [property: System.Text.Json.Serialization.JsonPropertyName("schedule")] string Text, bool Paused, DateTimeOffset? NextAt, DateTimeOffset? LastAt, string? LastRunId, string Owner, IReadOnlyList<DateTimeOffset>? Next);
