using AgentFlow.Contracts.Text;

namespace AgentFlow.Models;

/// <summary>Says what somebody meant to write.</summary>
internal static class Spelling
{
    /// <summary>A remedy: <c>Did you mean 'x'?</c>, or the list of what is possible.</summary>
    public static string OneOf(string written, IEnumerable<string> candidates)
    {
        string[] all = [.. candidates];
        return NearWord.Find(written, all) is { } near ? $"Did you mean '{near}'?" : $"Use one of: {string.Join(", ", all)}.";
    }
}
