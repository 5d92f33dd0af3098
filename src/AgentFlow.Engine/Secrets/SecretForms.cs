using System.Net;
using System.Text;
using System.Text.Encodings.Web;

namespace AgentFlow.Engine.Secrets;

/// <summary>The shapes in which a value comes back.</summary>
internal static class SecretForms
{
    private const int LeastLine = 16;

    public static IEnumerable<string> Of(string value)
    {
        var forms = new HashSet<string>(StringComparer.Ordinal) { value };
        // A key of many lines is shown line by line.
        forms.UnionWith(value.Split('\n', StringSplitOptions.TrimEntries).Where(l => l.Length >= LeastLine && !l.StartsWith("-----", StringComparison.Ordinal)));
        foreach (string plain in forms.ToArray())
        {
            Encoded(plain, forms);
        }

        return forms.Where(f => f.Length >= SecretMask.LeastLength);
    }

    private static void Encoded(string plain, HashSet<string> forms)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(plain);
        forms.Add(Convert.ToHexString(utf8));
        forms.Add(Convert.ToHexStringLower(utf8));
        forms.Add(WebUtility.HtmlEncode(plain));
        foreach (JavaScriptEncoder encoder in new[] { JavaScriptEncoder.Default, JavaScriptEncoder.UnsafeRelaxedJsonEscaping })
        {
            string once = encoder.Encode(plain);
            forms.Add(once);
            // JSON that a text inside of JSON holds.
            forms.Add(encoder.Encode(once));
        }

        string[] base64 = [.. Base64(utf8)];
        forms.UnionWith(base64);
        foreach (string text in base64.Append(plain))
        {
            string url = Uri.EscapeDataString(text);
            forms.Add(url);
            forms.Add(LowerHex(url));
            forms.Add(WebUtility.UrlEncode(text));
        }
    }

    /// <summary>What Base64 makes of the bytes behind none, one or two others, without the digits that its neighbours decide.</summary>
    private static IEnumerable<string> Base64(byte[] utf8)
    {
        for (int before = 0; before < 3; before++)
        {
            string text = Convert.ToBase64String([.. new byte[before], .. utf8]).TrimEnd('=');
            int first = before == 0 ? 0 : before + 1;
            int last = (before + utf8.Length) % 3 == 0 ? text.Length : text.Length - 1;
            if (last - first >= SecretMask.LeastLength)
            {
                string certain = text[first..last];
                yield return certain;
                yield return certain.Replace('+', '-').Replace('/', '_');
            }
        }
    }

    private static string LowerHex(string url)
    {
        char[] text = url.ToCharArray();
        for (int i = 0; i + 2 < text.Length; i++)
        {
            if (text[i] == '%')
            {
                text[i + 1] = char.ToLowerInvariant(text[i + 1]);
                text[i + 2] = char.ToLowerInvariant(text[i + 2]);
            }
        }

        return new string(text);
    }
}
