using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace AgentFlow.Engine.Secrets;

/// <summary>Parts of a text that could be Base64 or hexadecimal, and what they would stand for.</summary>
internal static class EncodedRuns
{
    /// <summary>Shorter ones hold no secret with anything around it.</summary>
    private const int LeastRun = 16;

    private static readonly SearchValues<char> Digits = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_");
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdefABCDEF");
    private static readonly SearchValues<byte> DigitBytes = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"u8);

    /// <summary>Whether there is any.</summary>
    public static bool Any(ReadOnlySpan<byte> utf8)
    {
        while (utf8.IndexOfAny(DigitBytes) is var start and >= 0)
        {
            utf8 = utf8[start..];
            int length = utf8.IndexOfAnyExcept(DigitBytes);
            if ((length < 0 ? utf8.Length : length) >= LeastRun)
            {
                return true;
            }

            utf8 = length < 0 ? [] : utf8[length..];
        }

        return false;
    }

    /// <summary>Each part with a text that it may stand for; a part can come several times.</summary>
    public static IEnumerable<(int From, int To, string Decoded)> Of(string text)
    {
        int at = 0;
        while (at < text.Length && text.AsSpan(at).IndexOfAny(Digits) is var start and >= 0)
        {
            int from = at + start;
            int length = text.AsSpan(from).IndexOfAnyExcept(Digits);
            int to = length < 0 ? text.Length : from + length;
            at = to;
            if (to - from < LeastRun)
            {
                continue;
            }

            string run = text[from..to].Replace('+', '-').Replace('/', '_');
            // A word before it may be made of the same letters.
            for (int skip = 0; skip < 4; skip++)
            {
                int whole = run.Length - skip;
                byte[] bytes = new byte[Base64Url.GetMaxDecodedLength(whole)];
                if (Base64Url.DecodeFromChars(run.AsSpan(skip, whole % 4 == 1 ? whole - 1 : whole), bytes, out _, out int written, isFinalBlock: true) != OperationStatus.NeedMoreData && written > 0)
                {
                    yield return (from, to, Encoding.UTF8.GetString(bytes, 0, written));
                }
            }

            if (run.AsSpan().IndexOfAnyExcept(HexDigits) < 0)
            {
                yield return (from, to, Encoding.UTF8.GetString(Convert.FromHexString(run.AsSpan(0, run.Length & ~1))));
            }
        }
    }
}
