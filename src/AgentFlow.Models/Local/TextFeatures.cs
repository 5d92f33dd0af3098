using AgentFlow.Models.Text;

namespace AgentFlow.Models.Local;

/// <summary>
/// What the classifier sees of a text: word stems, pairs of stems (neighbours, and next but one), letter groups of three and four
/// inside words, punctuation that shows temper, and how long the text is. The weights were chosen by cross-validation on training
/// examples of customer messages; see <see cref="TextClassifier"/>.
/// </summary>
internal static class TextFeatures
{
    private const double FunctionWord = 0.8;
    private const double LetterGroup = 0.4;

    public static Dictionary<string, double> Of(string text)
    {
        var features = new Dictionary<string, double>(StringComparer.Ordinal);
        List<string> words = Words.Of(text);
        var stems = words.ConvertAll(PorterStemmer.Stem);
        for (int i = 0; i < words.Count; i++)
        {
            double weight = StopWords.IsFunctionWord(words[i]) ? FunctionWord : 1;
            Raise(features, "w " + stems[i], weight);
            AddLetterGroups(features, words[i], weight * LetterGroup);
            if (i + 1 < words.Count)
                Raise(features, $"b {stems[i]} {stems[i + 1]}", Pair(words[i], words[i + 1], both: true));
            if (i + 2 < words.Count)
                Raise(features, $"s {stems[i]} {stems[i + 2]}", Pair(words[i], words[i + 2], both: false));
        }

        int exclamations = text.AsSpan().Count('!');
        if (exclamations > 0)
            features["p !"] = 1;
        if (exclamations > 1)
            features["p !!"] = 1;
        if (text.Contains('?'))
            features["p ?"] = 1;
        features["l " + (words.Count switch { <= 1 => "1", <= 3 => "3", <= 6 => "6", _ => "more" })] = 1;
        return features;
    }

    private static void AddLetterGroups(Dictionary<string, double> features, string word, double weight)
    {
        string bounded = $"<{word}>";
        for (int size = 3; size <= 4; size++)
        {
            for (int i = 0; i + size <= bounded.Length; i++)
                Raise(features, string.Concat("c ", bounded.AsSpan(i, size)), weight);
        }
    }

    private static double Pair(string first, string second, bool both)
    {
        bool a = StopWords.IsFunctionWord(first), b = StopWords.IsFunctionWord(second);
        return (both ? a && b : a || b) ? FunctionWord : 1;
    }

    private static void Raise(Dictionary<string, double> features, string key, double weight) =>
        features[key] = Math.Max(weight, features.GetValueOrDefault(key));
}
