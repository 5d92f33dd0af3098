using System.Text.Json.Serialization.Metadata;
using AgentFlow.Cli.Terminals;
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

    /// <summary>Prints a list: as JSON, or as a table to which each item adds what it has.</summary>
    /// <param name="none">What is said in place of an empty table. Default <see langword="null"/>: the table is printed.</param>
    public static int Show<T>(Terminal terminal, IReadOnlyCollection<T> items, JsonTypeInfo<T> json, TableColumn[] columns, Action<TableView, T> add, string? none = null)
    {
        if (terminal.IsJson)
        {
            terminal.WriteArray(items, json);
            return ExitCode.Ok;
        }

        if (items.Count == 0 && none is not null)
        {
            terminal.Say(none, Tone.Good);
            return ExitCode.Ok;
        }

        var table = new TableView(terminal, columns);
        foreach (T item in items)
        {
            add(table, item);
        }

        table.Print();
        return ExitCode.Ok;
    }

    public static string Time(DateTimeOffset? at) => at is { } time ? $"{time:yyyy-MM-dd HH:mm}" : "";
}
