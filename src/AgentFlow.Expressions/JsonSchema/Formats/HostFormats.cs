using System.Buffers;

namespace AgentFlow.Expressions.JsonSchema.Formats;

/// <summary>Host names (RFC 1123) and addresses (RFC 2673, RFC 4291).</summary>
internal static class HostFormats
{
    private static readonly SearchValues<char> LabelCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdefABCDEF");

    public static bool IsHostname(string text)
    {
        if (text.Length is 0 or > 253) return false;
        foreach (Range range in text.AsSpan().Split('.'))
        {
            ReadOnlySpan<char> label = text.AsSpan(range);
            if (label.Length is 0 or > 63 || label[0] == '-' || label[^1] == '-' || label.IndexOfAnyExcept(LabelCharacters) >= 0) return false;

            // Two hyphens in the third and fourth place are reserved for encoded labels (RFC 5891, 4.2.3.1). What such a
            // label decodes to is not looked at.
            bool reserved = label.Length >= 4 && label[2] == '-' && label[3] == '-';
            if (reserved && !label.StartsWith("xn--", StringComparison.OrdinalIgnoreCase)) return false;
        }

        return true;
    }

    public static bool IsIpv4(ReadOnlySpan<char> text)
    {
        int parts = 0;
        foreach (Range range in text.Split('.'))
        {
            ReadOnlySpan<char> part = text[range];
            bool valid = part.Length is >= 1 and <= 3
                && part.IndexOfAnyExceptInRange('0', '9') < 0
                && (part.Length == 1 || part[0] != '0')
                && int.Parse(part) <= 255;
            if (!valid) return false;
            parts++;
        }

        return parts == 4;
    }

    public static bool IsIpv6(ReadOnlySpan<char> text)
    {
        int gap = text.IndexOf("::");
        if (gap < 0) return Groups(text, mayEndInIpv4: true) == 8;

        // '::' stands for at least one group, once.
        int left = Groups(text[..gap], mayEndInIpv4: false), right = Groups(text[(gap + 2)..], mayEndInIpv4: true);
        return left >= 0 && right >= 0 && left + right <= 7;
    }

    /// <summary>How many 16-bit groups the text has; -1 when it is malformed.</summary>
    private static int Groups(ReadOnlySpan<char> text, bool mayEndInIpv4)
    {
        if (text.IsEmpty) return 0;
        int count = 0;
        while (true)
        {
            int colon = text.IndexOf(':');
            ReadOnlySpan<char> group = colon < 0 ? text : text[..colon];
            if (colon < 0 && mayEndInIpv4 && group.Contains('.')) return IsIpv4(group) ? count + 2 : -1;
            if (group.Length is 0 or > 4 || group.IndexOfAnyExcept(HexDigits) >= 0) return -1;
            count++;
            if (colon < 0) return count;
            text = text[(colon + 1)..];
        }
    }
}
