using System.Globalization;
using System.Text;

namespace AgentFlow.Benchmarks;

/// <summary>Collects rows and writes them as one Markdown table for each group.</summary>
internal sealed class Report
{
    private readonly List<(string Group, string[] Header, string[] Cells)> _rows = [];
    private readonly Dictionary<(string Workload, string Store, int Concurrency), double> _throughput = [];

    /// <summary>Remembers a throughput that others are held against.</summary>
    public void Keep(string workload, string store, int concurrency, double perSecond) => _throughput[(workload, store, concurrency)] = perSecond;

    /// <returns><see langword="null"/> when it was not measured.</returns>
    public double? Find(string workload, string store, int concurrency) => _throughput.TryGetValue((workload, store, concurrency), out double found) ? found : null;

    public void Add(string group, string[] header, params object[] cells)
    {
        string[] texts = [.. cells.Select(c => c is double d ? Number(d) : Convert.ToString(c, CultureInfo.InvariantCulture)!)];
        _rows.Add((group, header, texts));
        Console.WriteLine($"{group}: {string.Join(" | ", texts)}");
    }

    public string ToMarkdown()
    {
        var text = new StringBuilder();
        foreach (var group in _rows.GroupBy(r => r.Group))
        {
            text.Append("\n## ").Append(group.Key).Append("\n\n");
            string[] header = group.First().Header;
            text.Append("| ").AppendJoin(" | ", header).Append(" |\n|").AppendJoin("|", header.Select(_ => " --- ")).Append("|\n");
            foreach (var row in group)
            {
                text.Append("| ").AppendJoin(" | ", row.Cells).Append(" |\n");
            }
        }

        return text.ToString();
    }

    private static string Number(double value) => value switch
    {
        >= 100 => value.ToString("#,0", CultureInfo.InvariantCulture),
        >= 10 => value.ToString("0.0", CultureInfo.InvariantCulture),
        _ => value.ToString("0.00", CultureInfo.InvariantCulture),
    };
}
