using AgentFlow.Models.Text;

namespace AgentFlow.Models.Retrieval;

/// <summary>
/// Finds passages by BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009; k1 = 1.2, b = 0.75) over word
/// stems without function words; a word of the title counts as three of the text. Equal scores are ordered by id.
/// </summary>
internal sealed class PassageIndex
{
    private const double K1 = 1.2;
    private const double B = 0.75;
    private const int TitleCount = 3;

    private readonly Passage[] _passages;
    private readonly Dictionary<string, List<(int Passage, int Count)>> _postings = new(StringComparer.Ordinal);
    private readonly double[] _lengthFactor;

    public PassageIndex(IEnumerable<Passage> passages)
    {
        _passages = [.. passages.OrderBy(p => p.Id, StringComparer.Ordinal)];
        int[] lengths = new int[_passages.Length];
        for (int p = 0; p < _passages.Length; p++)
        {
            var counts = new Dictionary<string, int>(StringComparer.Ordinal);
            foreach (string stem in StopWords.ContentStems(_passages[p].Text))
                counts[stem] = counts.GetValueOrDefault(stem) + 1;
            foreach (string stem in StopWords.ContentStems(_passages[p].Title))
                counts[stem] = counts.GetValueOrDefault(stem) + TitleCount;
            foreach (var (stem, count) in counts)
            {
                if (!_postings.TryGetValue(stem, out var list))
                    _postings[stem] = list = [];
                list.Add((p, count));
                lengths[p] += count;
            }
        }

        double average = Math.Max(1, lengths.DefaultIfEmpty().Average());
        _lengthFactor = Array.ConvertAll(lengths, l => K1 * (1 - B + B * l / average));
    }

    /// <summary>A passage and how well it fits.</summary>
    /// <param name="Score">The BM25 score as a share of what a passage could reach that is all about the query: 0 to 1, four decimals.</param>
    public readonly record struct Hit(Passage Passage, double Score);

    /// <summary>The best passages with a score above 0, best first.</summary>
    public List<Hit> Search(string query, int top)
    {
        double[] scores = new double[_passages.Length];
        double reachable = 0;
        foreach (string stem in StopWords.ContentStems(query).Distinct(StringComparer.Ordinal))
        {
            _postings.TryGetValue(stem, out var list);
            double idf = Idf(list?.Count ?? 0);
            reachable += idf * (K1 + 1);
            if (list is null)
                continue;
            foreach (var (passage, count) in list)
                scores[passage] += idf * count * (K1 + 1) / (count + _lengthFactor[passage]);
        }

        return [.. scores
            .Select((score, i) => new Hit(_passages[i], reachable == 0 ? 0 : Math.Round(score / reachable, 4)))
            .Where(hit => hit.Score > 0)
            .OrderByDescending(hit => hit.Score)
            .Take(top)];
    }

    private double Idf(int containing) => Math.Log(1 + (_passages.Length - containing + 0.5) / (containing + 0.5));
}
