using System.Collections.Concurrent;
using AgentFlow.Models.Text;

namespace AgentFlow.Models.Local;

/// <summary>
/// Answers a question with sentences of the given passages, word for word. The best window of up to four neighbouring sentences is
/// taken, and a second one from another passage when it covers clearly more of the question. Nothing else is ever said.
/// </summary>
internal sealed class ExtractiveAnswer
{
    private const int MaxWindow = 4;

    /// <summary>What a further sentence must add, as a share of the question, to be worth its length.</summary>
    private const double SentencePrice = 0.02;

    /// <summary>What a second passage must add to be quoted as well.</summary>
    private const double SecondPassagePrice = 0.15;

    /// <summary>How much of a match in the passage's title counts: it says what the sentences are about without saying it in them.</summary>
    private const double TitleShare = 0.5;

    private const int MaxAnalysed = 512;
    private const int MaxAnalysedLength = 8192;

    /// <summary>Passages that were cut up before; the same few come again and again.</summary>
    private readonly ConcurrentDictionary<(string Title, string Text), Analysis> _analysed = new();

    /// <param name="Relevance">The source's retrieval score in any unit; a source counts in proportion to the best one.</param>
    public readonly record struct Source(string Id, string Title, string Text, double Relevance = 1);

    /// <param name="Text">The quoted sentences; empty when no passage has a word of the question.</param>
    /// <param name="Citations">Ids of the passages quoted, in the order of the text.</param>
    /// <param name="Confidence">
    /// The share of the question's words, weighted by rarity, that the quotation and its titles cover, less for a question of few words:
    /// 0 to 1, four decimals.
    /// </param>
    public sealed record Answer(string Text, IReadOnlyList<string> Citations, double Confidence);

    private sealed record Analysis(List<string> Sentences, HashSet<string>[] Stems, HashSet<string> Title);

    /// <summary>A source as the question sees it: for each sentence and each word of the question, whether it is said.</summary>
    private sealed record View(bool[][] Said, bool[] InTitle, double Relevance);

    private readonly record struct Window(int Source, int From, int Length, double Gain);

    public Answer Find(string question, IReadOnlyList<Source> sources)
    {
        string[] words = [.. StopWords.ContentStems(question).Distinct(StringComparer.Ordinal)];
        Analysis[] analyses = [.. sources.Select(Analyse)];
        double mostRelevant = sources.Select(s => s.Relevance).DefaultIfEmpty().Max();
        View[] views = [.. sources.Select((source, i) => new View(
            Array.ConvertAll(analyses[i].Stems, stems => Array.ConvertAll(words, stems.Contains)),
            Array.ConvertAll(words, analyses[i].Title.Contains),
            mostRelevant > 0 ? Math.Max(0, source.Relevance) / mostRelevant : 1))];
        double[] weights = Weigh(words.Length, views);

        double[] covered = new double[words.Length];
        var parts = new List<string>();
        var quoted = new List<int>();
        double total = 0;
        while (quoted.Count < 2 && Best(views, weights, covered, quoted) is { Length: > 0 } window)
        {
            if (quoted.Count > 0 && window.Gain < SecondPassagePrice)
                break;
            total += window.Gain;
            Cover(views[window.Source], window.From, window.Length, weights, covered, keep: true);
            parts.Add(string.Join(' ', analyses[window.Source].Sentences.Skip(window.From).Take(window.Length)));
            quoted.Add(window.Source);
        }

        // One word alone doesn't say what is wanted: it counts a third, three words seven tenths.
        double clear = 1 - Math.Pow(2.0 / 3, words.Length);
        return new Answer(string.Join("\n\n", parts), [.. quoted.Select(q => sources[q].Id)], Math.Round(Math.Min(1, total) * clear, 4));
    }

    private Analysis Analyse(Source source)
    {
        var key = (source.Title, source.Text);
        if (_analysed.TryGetValue(key, out var known))
            return known;
        var sentences = Sentences.Of(source.Text);
        var analysis = new Analysis(
            sentences,
            [.. sentences.Select(s => StopWords.ContentStems(s).ToHashSet(StringComparer.Ordinal))],
            StopWords.ContentStems(source.Title).ToHashSet(StringComparer.Ordinal));
        if (_analysed.Count >= MaxAnalysed)
            _analysed.Clear();
        if (source.Text.Length <= MaxAnalysedLength)
            _analysed[key] = analysis;
        return analysis;
    }

    /// <summary>Each word of the question by its rarity among the sentences, all together 1; a word that no sentence has weighs as one that one has.</summary>
    private static double[] Weigh(int words, View[] views)
    {
        double count = views.Sum(v => v.Said.Length + 1);
        double[] weights = new double[words];
        double sum = 0;
        for (int w = 0; w < words; w++)
        {
            int containing = views.Sum(v => v.Said.Count(said => said[w]) + (v.InTitle[w] ? 1 : 0));
            sum += weights[w] = Math.Log(1 + count / Math.Max(1, containing));
        }

        for (int w = 0; w < words; w++)
            weights[w] /= sum;
        return weights;
    }

    private static Window Best(View[] views, double[] weights, double[] covered, List<int> quoted)
    {
        Window best = default;
        double bestValue = 0;
        for (int s = 0; s < views.Length; s++)
        {
            if (quoted.Contains(s))
                continue;
            for (int from = 0; from < views[s].Said.Length; from++)
            {
                for (int length = 1; length <= MaxWindow && from + length <= views[s].Said.Length; length++)
                {
                    double gain = views[s].Relevance * Cover(views[s], from, length, weights, covered, keep: false);
                    double value = gain - SentencePrice * length;
                    if (value > bestValue)
                        (best, bestValue) = (new Window(s, from, length, gain), value);
                }
            }
        }

        return best;
    }

    /// <summary>The weight of the question that a window adds to what is covered already.</summary>
    private static double Cover(View view, int from, int length, double[] weights, double[] covered, bool keep)
    {
        double gain = 0;
        for (int w = 0; w < weights.Length; w++)
        {
            bool said = false;
            for (int i = from; i < from + length && !said; i++)
                said = view.Said[i][w];
            double share = said ? 1 : view.InTitle[w] ? TitleShare : 0;
            if (share <= covered[w])
                continue;
            gain += weights[w] * (share - covered[w]);
            if (keep)
                covered[w] = share;
        }

        return gain;
    }
}
