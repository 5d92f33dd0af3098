using System.Buffers;

namespace AgentFlow.Server.Configuration;

/// <summary>What remote agents may call themselves.</summary>
internal static class AgentId
{
    public const int MaxLength = 128;

    public const string Rule = "an id has 1 to 128 letters, digits, '.', '_', ':', '@' and '-', beginning with a letter or digit";

    private static readonly SearchValues<char> Letters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@-");

    public static bool IsValid(string id) => id.Length is > 0 and <= MaxLength && char.IsAsciiLetterOrDigit(id[0]) && !id.AsSpan().ContainsAnyExcept(Letters);
}

/// <summary>What a base address of a remote agent looks like.</summary>
internal static class AgentAddress
{
    private const int MaxLength = 500;

    /// <summary>What is wrong with it; <see langword="null"/> when it can be used. Says nothing about where it leads.</summary>
    public static string? Problem(string text) =>
        text.Length > MaxLength ? $"an address has at most {MaxLength} characters"
        : !Uri.TryCreate(text, UriKind.Absolute, out Uri? url) || (url.Scheme != Uri.UriSchemeHttps && url.Scheme != Uri.UriSchemeHttp) ? $"'{text}' is no http:// or https:// address"
        : url.UserInfo.Length > 0 ? "an address has no user and password in it"
        : url.Query.Length > 0 || url.Fragment.Length > 0 || text.Contains('?') || text.Contains('#') ? $"'{text}' has a query or fragment"
        : null;

    /// <summary>The address of something under a base.</summary>
    public static Uri Under(Uri address, string path) => new(address.AbsoluteUri.TrimEnd('/') + path);

    /// <summary>Whether both lead to the same place: scheme, host and port.</summary>
    public static bool IsSamePlace(Uri one, Uri other) =>
        one.Scheme == other.Scheme && one.Port == other.Port && string.Equals(one.IdnHost, other.IdnHost, StringComparison.OrdinalIgnoreCase);
}
