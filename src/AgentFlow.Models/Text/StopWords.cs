using System.Collections.Frozen;

namespace AgentFlow.Models.Text;

/// <summary>English words that say little about what a text is about.</summary>
internal static class StopWords
{
    /// <summary>Function words, and the greetings that letters begin with.</summary>
    private static readonly FrozenSet<string> Function = (
        "a an the and or but if as so than then too very just also about into out up down over again once only same " +
        "i im ive id ill me my mine you your yours he she it its we us our they them their this that these those here there " +
        "is are was were be been being am do does did doing done have has had having can could will would shall should may might must " +
        "not no nor dont didnt doesnt isnt arent cant wont wasnt havent hasnt to of in on at by for from with without " +
        "what which who whom when where why how all any both each few more most other some such now yet still " +
        "hi hello hey dear please thanks thank regards").Split(' ').ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Verbs and adverbs that fit any subject: a search for them finds anything.</summary>
    private static readonly FrozenSet<string> Light = (
        "go goes going went gone get gets getting got take takes taking took make makes making made want wants wanted need needs " +
        "know knows see sees saw look looks say says said tell tells told think thinks thought give gives gave come comes came try tried " +
        "use uses used using let lets put keep keeps happen happens show shows work works find found like would " +
        "really actually even ever never always maybe else something anything nothing everything someone somebody anyone nobody everybody " +
        "thing things lot much many one ones since until while because though although today yesterday tomorrow").Split(' ')
        .ToFrozenSet(StringComparer.Ordinal);

    public static bool IsFunctionWord(string word) => Function.Contains(word);

    /// <summary>The stems of the words that carry meaning, in order, repeats included.</summary>
    public static List<string> ContentStems(string text)
    {
        var stems = new List<string>();
        foreach (string word in Words.Of(text))
        {
            if (word != Words.Number && !Function.Contains(word) && !Light.Contains(word))
                stems.Add(PorterStemmer.Stem(word));
        }

        return stems;
    }
}
