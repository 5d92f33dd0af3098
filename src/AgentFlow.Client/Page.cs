namespace AgentFlow.Client;

/// <summary>A part of a list.</summary>
/// <param name="NextCursor">Asks for the next part; <see langword="null"/> on the last one.</param>
/// <param name="TotalCount">All items that match, on whatever page; <see langword="null"/> when the list does not count.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, string? NextCursor = null, long? TotalCount = null);
