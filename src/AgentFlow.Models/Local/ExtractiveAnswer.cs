using AgentFlow.Models.Text;

namespace AgentFlow.Models.Local;

/// <summary>
/// Answers a question with sentences of the given passages, word for word. The best window of up to four neighbouring sentences is
/// taken, and a second one from another passage when it covers clearly more of the question. Nothing else is ever said.
/// </summary>
internal static class ExtractiveAnswer
{
    private const int MaxWindow = 4;

    /// <summary>What a further sentence must add, as a share of the question, to be worth its length.</summary>
    private const double SentencePrice = 0.02;

    /// <summary>What a second passage must add to be quoted as well.</summary>
    private const double SecondPassagePrice = 0.15;

    /// <summary>How much of a match in the passage's title counts: it says what the sentences are about without saying it in them.</summary>
    private const double TitleShare = 0.5;

    /// <param name="Relevance">The source's retrieval score in any unit; a source counts in proportion to the best one.</param>
    public readonly record struct Source(string Id, string Title, string Text, double Relevance = 1);

    /// <param name="Text">The quoted sentences; empty when no passage has a word of the question.</param>
    /// <param name="Citations">Ids of the passages quoted, in the order of the text.</param>
    /// <param name="Confidence">The share of the question's words, weighted by rarity, that the quotation and its titles cover: 0 to 1, four decimals.</param>
    public sealed record Answer(string Text, IReadOnlyList<string> Citations, double Confidence);

    public static Answer Find(string question, IReadOnlyList<Source> sources)
    {
        var sentences = sources.Select(s => Sentences.Of(s.Text)).ToArray();
        var stems = sentences.Select(list => list.Select(s => StopWords.ContentStems(s).ToHashSet(StringComparer.Ordinal)).ToArray()).ToArray();
        var titles = sources.Select(s => StopWords.ContentStems(s.Title).ToHashSet(StringComparer.Ordinal)).ToArray();
        Dictionary<string, double> weights = Weigh(question, stems, titles);

        var covered = new Dictionary<string, double>(StringComparer.Ordinal);
        var parts = new List<string>();
        var citations = new List<string>();
        double mostRelevant = sources.Select(s => s.Relevance).DefaultIfEmpty().Max();
        double[] relevance = [.. sources.Select(s => mostRelevant > 0 ? Math.Max(0, s.Relevance) / mostRelevant : 1)];
        double total = 0;
        while (citations.Count < 2 && citations.Count < sources.Count)
        {
            var (source, from, length, gain) = BestWindow(stems, titles, weights, covered, citations, sources, relevance);
            if (length == 0 || (citations.Count > 0 && gain < SecondPassagePrice))
                break;
            total += relevance[source] * Cover(stems[source], titles[source], from, length, weights, covered, keep: true);
            parts.Add(string.Join(' ', sentences[source].Skip(from).Take(length)));
            citations.Add(sources[source].Id);
        }

        return new Answer(string.Join("\n\n", parts), citations, Math.Round(Math.Min(1, total), 4));
    }

    /// <summary>Each word of the question by its rarity among the sentences, all together 1; a word that no sentence has weighs as one that one has.</summary>
    private static Dictionary<string, double> Weigh(string question, HashSet<string>[][] stems, HashSet<string>[] titles)
    {
        double count = stems.Sum(s => s.Length) + titles.Length;
        var weights = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (string stem in StopWords.ContentStems(question))
        {
            int containing = stems.Sum(list => list.Count(s => s.Contains(stem))) + titles.Count(t => t.Contains(stem));
            weights[stem] = Math.Log(1 + count / Math.Max(1, containing));
        }

        double sum = 0;
        foreach (double weight in weights.Values)
            sum += weight;
        foreach (string stem in weights.Keys)
            weights[stem] /= sum;
        return weights;
    }

    private static (int Source, int From, int Length, double Gain) BestWindow(
        HashSet<string>[][] stems,
        HashSet<string>[] titles,
        Dictionary<string, double> weights,
        Dictionary<string, double> covered,
        List<string> used,
        IReadOnlyList<Source> sources,
        double[] relevance)
    {
        (int Source, int From, int Length, double Gain) best = default;
        double bestValue = 0;
        for (int s = 0; s < stems.Length; s++)
        {
            if (used.Contains(sources[s].Id))
                continue;
            for (int from = 0; from < stems[s].Length; from++)
            {
                for (int length = 1; length <= MaxWindow && from + length <= stems[s].Length; length++)
                {
                    double gain = relevance[s] * Cover(stems[s], titles[s], from, length, weights, covered, keep: false);
                    double value = gain - SentencePrice * length;
                    if (gain > 0 && value > bestValue)
                        (best, bestValue) = ((s, from, length, gain), value);
                }
            }
        }

        return best;
    }

    /// <summary>The weight of the question that a window adds to what is covered already.</summary>
    private static double Cover(
        HashSet<string>[] stems,
        HashSet<string> title,
        int from,
        int length,
        Dictionary<string, double> weights,
        Dictionary<string, double> covered,
        bool keep)
    {
        double gain = 0;
        foreach (var (stem, weight) in weights)
        {
            bool said = false;
            for (int i = from; i < from + length && !said; i++)
                said = stems[i].Contains(stem);
            double share = said ? 1 : title.Contains(stem) ? TitleShare : 0;
            double before = covered.GetValueOrDefault(stem);
            if (share <= before)
                continue;
            gain += weight * (share - before);
            if (keep)
                covered[stem] = share;
        }

        return gain;
    }
}
