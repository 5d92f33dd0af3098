using AgentFlow.Contracts.Text;

namespace AgentFlow.Engine.Definitions.Loading;

/// <summary>Finds known words for the wrong ones of one file, which together may not cost a search without end.</summary>
internal sealed class Suggestions
{
    private long _budget = 50_000_000;

    /// <inheritdoc cref="NearWord.Find(string, IEnumerable{string})"/>
    public string? Nearest(string word, IEnumerable<string> known) => NearWord.Find(word, known, ref _budget);
}
