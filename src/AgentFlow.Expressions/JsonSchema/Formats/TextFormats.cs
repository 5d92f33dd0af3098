using System.Collections.Frozen;
using System.Text.RegularExpressions;
using AgentFlow.Expressions.JsonSchema.Patterns;

namespace AgentFlow.Expressions.JsonSchema.Formats;

/// <summary>The formats that can be asserted; others, <c>idn-hostname</c> among them, stay annotations.</summary>
internal static partial class TextFormats
{
    private static readonly FrozenDictionary<string, Func<string, bool>> Known = new Dictionary<string, Func<string, bool>>(StringComparer.Ordinal)
    {
        ["date-time"] = TimeFormats.IsDateTime,
        ["date"] = t => TimeFormats.IsDate(t),
        ["time"] = t => TimeFormats.IsTime(t),
        ["duration"] = Duration().IsMatch,
        ["email"] = t => MailFormats.IsAddress(t, international: false),
        ["idn-email"] = t => MailFormats.IsAddress(t, international: true),
        ["hostname"] = HostFormats.IsHostname,
        ["ipv4"] = t => HostFormats.IsIpv4(t),
        ["ipv6"] = t => HostFormats.IsIpv6(t),
        ["uri"] = t => UriFormats.IsReference(t, international: false, absolute: true),
        ["uri-reference"] = t => UriFormats.IsReference(t, international: false, absolute: false),
        ["iri"] = t => UriFormats.IsReference(t, international: true, absolute: true),
        ["iri-reference"] = t => UriFormats.IsReference(t, international: true, absolute: false),
        ["uri-template"] = UriFormats.IsTemplate,
        ["uuid"] = Uuid().IsMatch,
        ["json-pointer"] = Pointer().IsMatch,
        ["relative-json-pointer"] = RelativePointer().IsMatch,
        ["regex"] = EcmaPattern.IsWellFormed,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public static Func<string, bool>? Find(string format) => Known.GetValueOrDefault(format);

    /// <summary>RFC 3339, appendix A: each unit but the first needs its larger neighbour.</summary>
    [GeneratedRegex(
        @"^P(?:[0-9]+W|(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)(?:T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S))?|T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S))\z",
        RegexOptions.NonBacktracking)]
    private static partial Regex Duration();

    [GeneratedRegex(@"^[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}\z", RegexOptions.NonBacktracking)]
    private static partial Regex Uuid();

    [GeneratedRegex(@"^(?:/(?:[^~/]|~[01])*)*\z", RegexOptions.NonBacktracking)]
    private static partial Regex Pointer();

    [GeneratedRegex(@"^(?:0|[1-9][0-9]*)(?:#|(?:/(?:[^~/]|~[01])*)*)\z", RegexOptions.NonBacktracking)]
    private static partial Regex RelativePointer();
}
