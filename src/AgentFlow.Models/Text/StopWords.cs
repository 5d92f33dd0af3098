using System.Collections.Frozen;

namespace AgentFlow.Models.Text;

/// <summary>English function words, and the greetings that letters begin with: they say little about what a text is about.</summary>
internal static class StopWords
{
    private static readonly FrozenSet<string> All = (
        "a an the and or but if as so than then too very just also about into out up down over again once only same " +
        "i im ive id ill me my mine you your yours he she it its we us our they them their this that these those here there " +
        "is are was were be been being am do does did doing done have has had having can could will would shall should may might must " +
        "not no nor dont didnt doesnt isnt arent cant wont wasnt havent hasnt to of in on at by for from with without " +
        "what which who whom when where why how all any both each few more most other some such now yet still " +
        "hi hello hey dear please thanks thank regards").Split(' ').ToFrozenSet(StringComparer.Ordinal);

    public static bool Contains(string word) => All.Contains(word);

    /// <summary>The stems of the words that carry meaning, in order, repeats included.</summary>
    public static List<string> ContentStems(string text)
    {
        var stems = new List<string>();
        foreach (string word in Words.Of(text))
        {
            if (word != Words.Number && !All.Contains(word))
                stems.Add(PorterStemmer.Stem(word));
        }

        return stems;
    }
}
