using System.Globalization;

namespace AgentFlow.Engine.Definitions.Loading.Yaml;

/// <summary>Finds the place that a JSON pointer (RFC 6901) means.</summary>
internal static class YamlPointer
{
    /// <summary>
    /// The places of a validator's findings, each once: of several about one place the last, which is the one about the
    /// alternative that came nearest.
    /// </summary>
    public static IEnumerable<(YamlNode Place, string Message)> Places(YamlNode place, YamlNode root, IEnumerable<(string Pointer, string Message)> findings) =>
        findings.Select(f => (Place: Find(place, root, f.Pointer), f.Message)).GroupBy(f => f.Place).Select(g => g.Last());

    /// <summary>The key or item that the pointer ends at; where it leads nowhere, the last one on its way.</summary>
    /// <param name="place">Stands for the root.</param>
    private static YamlNode Find(YamlNode place, YamlNode root, string pointer)
    {
        YamlNode at = root;
        foreach (string part in pointer.Split('/').Skip(1))
        {
            string segment = part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
            switch (at)
            {
                case YamlMapping mapping when mapping.FindEntry(segment) is { } entry:
                    place = entry.Key;
                    at = entry.Value;
                    break;
                case YamlSequence sequence when int.TryParse(segment, NumberStyles.None, CultureInfo.InvariantCulture, out int index) && index < sequence.Items.Count:
                    place = at = sequence.Items[index];
                    break;
                default:
                    return place;
            }
        }

        return place;
    }
}
