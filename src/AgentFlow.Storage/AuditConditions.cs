using System.Text;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage;

/// <summary>
/// The condition of a search in the audit, with what it restricts alone: each combination is a statement of its own, planned for
/// the index that fits it.
/// </summary>
/// <param name="parameter">Writes the n-th parameter, from 1: <c>?1</c> or <c>$1</c>. The numbers are always the same: tenant, actor, action, low and high resource, decision, from, to.</param>
/// <param name="unindexed">Writes a column so that it is not looked up in an index.</param>
internal sealed class AuditConditions(Func<int, string> parameter, Func<string, string> unindexed)
{
    /// <summary>Fewest characters behind the kind (<c>run:</c>) from which on a beginning is taken to name few resources.</summary>
    private const int Selective = 8;

    /// <summary>What follows the tenant's condition.</summary>
    public string Of(AuditFilter filter)
    {
        var text = new StringBuilder();
        if (filter.Actor is not null)
        {
            text.Append($" AND actor = {parameter(2)}");
        }

        if (filter.Action is not null)
        {
            text.Append($" AND action = {parameter(3)}");
        }

        switch (filter.Resource)
        {
            case null:
                break;
            case [.. var beginning, '*']:
                // All runs of a tenant are most of its records: those are read in their order instead of sorted.
                string column = NamesFew(filter.Resource) ? "resource" : unindexed("resource");
                text.Append($" AND {column} >= {parameter(4)} AND {column} <= {parameter(5)}");
                break;
            default:
                text.Append($" AND resource = {parameter(4)}");
                break;
        }

        if (filter.Decision is not null)
        {
            text.Append($" AND decision = {parameter(6)}");
        }

        if (filter.From is not null)
        {
            text.Append($" AND at >= {parameter(7)}");
        }

        if (filter.To is not null)
        {
            text.Append($" AND at < {parameter(8)}");
        }

        return text.ToString();
    }

    /// <summary>Whether a resource, or the beginning of some, names few records.</summary>
    public static bool NamesFew(string resource) => !resource.EndsWith('*') || resource.Length - 1 - (resource.IndexOf(':', StringComparison.Ordinal) + 1) >= Selective;
}
