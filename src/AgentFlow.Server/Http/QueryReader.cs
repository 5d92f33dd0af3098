using System.Globalization;
using AgentFlow.Contracts.Text;
using Microsoft.Extensions.Primitives;

namespace AgentFlow.Server.Http;

/// <summary>
/// Reads the query of one request. A parameter that is unknown, stands twice or has an impossible value ends the request
/// with 400 and the parameter's name.
/// </summary>
internal ref struct QueryReader(HttpContext context)
{
    private readonly IQueryCollection _query = context.Request.Query;
    private readonly List<string> _known = [];

    /// <summary>The text; <see langword="null"/> when the parameter is absent or empty.</summary>
    public readonly string? Text(string name)
    {
        _known.Add(name);
        StringValues values = _query[name];
        return values.Count switch
        {
            0 => null,
            1 => string.IsNullOrEmpty(values[0]) ? null : values[0],
            _ => throw ProblemException.Parameter(name, "stands more than once", "Give it once."),
        };
    }

    public readonly long Number(string name, long absent, long least, long most)
    {
        if (Text(name) is not { } text)
        {
            return absent;
        }

        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number >= least && number <= most
            ? number
            : throw ProblemException.Parameter(name, $"is '{Shorten(text)}'", most == long.MaxValue ? $"Give a whole number from {least}." : $"Give a whole number from {least} to {most}.");
    }

    public readonly bool Flag(string name) => Text(name) switch
    {
        null or "false" => false,
        "true" => true,
        var other => throw ProblemException.Parameter(name, $"is '{Shorten(other)}'", "Give true or false."),
    };

    /// <summary>A duration such as <c>500ms</c>, <c>30s</c>, <c>5m</c> or <c>2h</c>; <see langword="null"/> when absent.</summary>
    public readonly TimeSpan? Duration(string name, TimeSpan most)
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        (string unit, double factor) = text.EndsWith("ms", StringComparison.Ordinal) ? ("ms", 1) : text.EndsWith('s') ? ("s", 1000) : text.EndsWith('m') ? ("m", 60_000) : text.EndsWith('h') ? ("h", 3_600_000) : ("", 0);
        return factor > 0
            && double.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number)
            && number * factor is var milliseconds and > 0
            && milliseconds <= most.TotalMilliseconds
            ? TimeSpan.FromMilliseconds(milliseconds)
            : throw ProblemException.Parameter(name, $"is '{Shorten(text)}'", $"Give a duration such as 500ms, 30s, 5m or 2h, at most {most.TotalMinutes:0}m.");
    }

    /// <summary>A point in time (RFC 3339) as Unix milliseconds; <see langword="null"/> when absent.</summary>
    public readonly long? Time(string name)
    {
        if (Text(name) is not { } text)
        {
            return null;
        }

        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time)
            ? time.ToUnixTimeMilliseconds()
            : throw ProblemException.Parameter(name, "is no time", "Give a time such as 2026-01-31T12:00:00Z.");
    }

    /// <summary>One of the given words; the first when the parameter is absent.</summary>
    public readonly string Word(string name, params ReadOnlySpan<string> words)
    {
        if (Text(name) is not { } text)
        {
            return words[0];
        }

        return words.Contains(text) ? text : throw ProblemException.Parameter(name, $"is '{Shorten(text)}'", $"Give {string.Join(" or ", words.ToArray())}.");
    }

    /// <summary>Refuses what nobody asked for.</summary>
    public readonly void End()
    {
        foreach (string name in _query.Keys)
        {
            if (!_known.Contains(name))
            {
                string remedy = _known.Count == 0 ? "This address takes no parameters." : $"It takes {string.Join(", ", _known)}{NearWord.Hint(name, _known)}.";
                throw ProblemException.Parameter(Shorten(name), "is not a parameter of this address", remedy);
            }
        }
    }

    private static string Shorten(string text) => text.Length <= 60 ? text : $"{text.AsSpan(0, 60)}…";
}

/// <summary>Which part of a list is asked for.</summary>
/// <param name="Size">Most items of the answer.</param>
/// <param name="Cursor">The <c>next_cursor</c> of the page before; <see langword="null"/> for the first page.</param>
internal readonly record struct PageRequest(int Size, string? Cursor)
{
    public const int DefaultSize = 50;
    public const int MaxSize = 500;

    public static PageRequest Read(in QueryReader query) =>
        new((int)query.Number("page[size]", DefaultSize, 1, MaxSize), query.Text("page[cursor]"));
}
