using System.Text;

namespace AgentFlow.Expressions.JsonSchema.Compilation;

/// <summary>
/// URI references after RFC 3986, for any scheme. <see cref="Uri"/> would rewrite what it parses (file, urn) and resolves
/// relative references for some schemes only; schema identifiers are compared as they were written.
/// </summary>
internal static class SchemaUri
{
    private readonly record struct Parts(string? Scheme, string? Authority, string Path, string? Query, string? Fragment);

    /// <summary>The absolute form of a reference (section 5.2), fragment included.</summary>
    public static string Resolve(string baseUri, string reference)
    {
        Parts r = Split(reference);
        if (r.Scheme is not null) return Join(r with { Path = RemoveDots(r.Path) });

        Parts b = Split(baseUri);
        if (r.Authority is not null) return Join(r with { Scheme = b.Scheme, Path = RemoveDots(r.Path) });
        if (r.Path.Length == 0) return Join(b with { Query = r.Query ?? b.Query, Fragment = r.Fragment });

        string path = r.Path.StartsWith('/') ? r.Path : Merge(b, r.Path);
        return Join(b with { Path = RemoveDots(path), Query = r.Query, Fragment = r.Fragment });
    }

    /// <summary>The part before the first <c>#</c>, and the part behind it with its percent escapes decoded.</summary>
    public static (string Document, string Fragment) SplitFragment(string uri)
    {
        int hash = uri.IndexOf('#', StringComparison.Ordinal);
        return hash < 0 ? (uri, "") : (uri[..hash], Uri.UnescapeDataString(uri[(hash + 1)..]));
    }

    private static Parts Split(string uri)
    {
        string? fragment = Cut(ref uri, '#');
        string? query = Cut(ref uri, '?');
        string? scheme = null, authority = null;

        int colon = uri.IndexOf(':', StringComparison.Ordinal);
        if (colon > 0 && char.IsAsciiLetter(uri[0]) && uri.AsSpan(0, colon).IndexOfAnyExcept(SchemeCharacters) < 0)
        {
            scheme = uri[..colon];
            uri = uri[(colon + 1)..];
        }

        if (uri.StartsWith("//", StringComparison.Ordinal))
        {
            int path = uri.IndexOf('/', 2);
            authority = path < 0 ? uri[2..] : uri[2..path];
            uri = path < 0 ? "" : uri[path..];
        }

        return new Parts(scheme, authority, uri, query, fragment);
    }

    private static string? Cut(ref string uri, char at)
    {
        int index = uri.IndexOf(at, StringComparison.Ordinal);
        if (index < 0) return null;
        string tail = uri[(index + 1)..];
        uri = uri[..index];
        return tail;
    }

    private static string Merge(Parts b, string path) =>
        b.Authority is not null && b.Path.Length == 0 ? "/" + path : b.Path[..(b.Path.LastIndexOf('/') + 1)] + path;

    private static string RemoveDots(string path)
    {
        if (!path.Contains("/.", StringComparison.Ordinal) && !path.StartsWith('.')) return path;

        var kept = new List<string>();
        string[] segments = path.Split('/');
        for (int i = 0; i < segments.Length; i++)
        {
            bool last = i == segments.Length - 1;
            if (segments[i] is "." or "..")
            {
                // The empty segment in front of a rooted path stays.
                if (segments[i] == ".." && kept.Count > 0 && !(kept.Count == 1 && kept[0].Length == 0)) kept.RemoveAt(kept.Count - 1);
                if (last) kept.Add("");
            }
            else
            {
                kept.Add(segments[i]);
            }
        }

        return string.Join('/', kept);
    }

    private static string Join(Parts parts)
    {
        var uri = new StringBuilder();
        if (parts.Scheme is not null) uri.Append(parts.Scheme).Append(':');
        if (parts.Authority is not null) uri.Append("//").Append(parts.Authority);
        uri.Append(parts.Path);
        if (parts.Query is not null) uri.Append('?').Append(parts.Query);
        if (parts.Fragment is not null) uri.Append('#').Append(parts.Fragment);
        return uri.ToString();
    }

    private static readonly System.Buffers.SearchValues<char> SchemeCharacters =
        System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
}
