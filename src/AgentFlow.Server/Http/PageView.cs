using System.Text.Json.Serialization;

namespace AgentFlow.Server.Http;

/// <summary>A part of a list.</summary>
/// <param name="NextCursor">Asks for the next part as <c>page[cursor]</c>; <see langword="null"/> on the last one.</param>
/// <param name="TotalCount">All items that match, on whatever page.</param>
public sealed record PageView<T>(
    IReadOnlyList<T> Items,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? NextCursor,
    long TotalCount)
{
    /// <summary>A page of a list that is in memory, ordered by <paramref name="key"/> (ordinal).</summary>
    internal static PageView<TView> Of<TItem, TView>(IReadOnlyList<TItem> ordered, PageRequest page, bool descending, Func<TItem, string> key, Func<TItem, TView> view)
    {
        int start = 0;
        if (page.Cursor is { } cursor)
        {
            // By order, not by place: the item that the cursor names may have gone.
            int Order(TItem item) => string.CompareOrdinal(key(item), cursor) * (descending ? -1 : 1);
            while (start < ordered.Count && Order(ordered[start]) <= 0)
            {
                start++;
            }
        }

        int count = Math.Min(page.Size, ordered.Count - start);
        TView[] items = [.. Enumerable.Range(start, count).Select(i => view(ordered[i]))];
        return new PageView<TView>(items, start + count < ordered.Count ? key(ordered[start + count - 1]) : null, ordered.Count);
    }
}
