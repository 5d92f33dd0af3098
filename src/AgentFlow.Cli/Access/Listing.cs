using AgentFlow.Client;

namespace AgentFlow.Cli.Access;

/// <summary>Whole lists, page by page.</summary>
internal static class Listing
{
    private const int PageSize = 500;

    public static async Task<List<T>> AllAsync<T>(Func<string?, int, Task<Page<T>>> read)
    {
        var items = new List<T>();
        string? cursor = null;
        do
        {
            Page<T> page = await read(cursor, PageSize);
            items.AddRange(page.Items);
            cursor = page.NextCursor;
        }
        while (cursor is not null);

        return items;
    }

    public static string Time(DateTimeOffset? at) => at is { } time ? $"{time:yyyy-MM-dd HH:mm}" : "";
}
