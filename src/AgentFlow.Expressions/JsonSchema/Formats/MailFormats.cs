using System.Buffers;

namespace AgentFlow.Expressions.JsonSchema.Formats;

/// <summary>Mailboxes of RFC 5321 (4.1.2), and with other than ASCII characters those of RFC 6531.</summary>
internal static class MailFormats
{
    private static readonly SearchValues<char> AtomCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~");

    public static bool IsAddress(string text, bool international)
    {
        int at = text.LastIndexOf('@');
        return at > 0 && IsLocal(text.AsSpan(0, at), international) && IsDomain(text[(at + 1)..], international);
    }

    private static bool IsLocal(ReadOnlySpan<char> local, bool international)
    {
        if (local[0] == '"') return IsQuoted(local, international);
        foreach (Range range in local.Split('.'))
        {
            ReadOnlySpan<char> atom = local[range];
            if (atom.IsEmpty) return false;
            foreach (char c in atom)
            {
                if (!AtomCharacters.Contains(c) && !(international && c > 127)) return false;
            }
        }

        return true;
    }

    private static bool IsQuoted(ReadOnlySpan<char> local, bool international)
    {
        if (local.Length < 2 || local[^1] != '"') return false;
        local = local[1..^1];
        for (int i = 0; i < local.Length; i++)
        {
            if (local[i] == '\\' && ++i == local.Length) return false;
            bool escaped = i > 0 && local[i - 1] == '\\';
            bool allowed = local[i] is >= ' ' and <= '~' ? escaped || local[i] is not ('"' or '\\') : international && local[i] > 127;
            if (!allowed) return false;
        }

        return true;
    }

    private static bool IsDomain(string domain, bool international)
    {
        if (domain.StartsWith('[') && domain.EndsWith(']'))
        {
            string literal = domain[1..^1];
            return literal.StartsWith("IPv6:", StringComparison.OrdinalIgnoreCase) ? HostFormats.IsIpv6(literal.AsSpan(5)) : HostFormats.IsIpv4(literal);
        }

        // Which other characters a label may have is a matter of idn-hostname, which is not asserted.
        return HostFormats.IsHostname(international ? string.Concat(domain.Select(c => c > 127 ? 'x' : c)) : domain);
    }
}
