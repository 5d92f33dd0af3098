using AgentFlow.Engine.Access;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Yaml;

namespace AgentFlow.Engine.Definitions.Loading.Parts;

/// <summary>Lists of granted permissions: <c>db.read</c>, or a family as in <c>network.*</c>.</summary>
/// <param name="known">Permissions that contracts in this host ask for, beyond the platform's own.</param>
internal sealed class Grants(IEnumerable<string> known, Findings findings)
{
    private readonly SortedSet<string> _known = new([.. Grant.Tools, .. Grant.ToolFamilies, .. known], StringComparer.Ordinal);

    /// <summary>The list under 'permissions'; <see langword="null"/> when there is none.</summary>
    public IReadOnlyList<YamlScalar>? Read(Fields fields)
    {
        IReadOnlyList<YamlScalar>? granted = fields.Texts("permissions", "a list: [network.http, db.read]");
        foreach (YamlScalar grant in granted ?? [])
        {
            if (!_known.Contains(grant.Text) && !Grant.IsKubernetes(grant.Text))
            {
                findings.Error(grant, DiagnosticCodes.UnknownPermission, $"'{Excerpt.Of(grant.Text)}' is not a permission.", findings.Suggest(grant.Text, _known) + $"Known: {string.Join(", ", _known.Take(30))}, k8s.<name>.");
            }
        }

        return granted;
    }

    /// <summary>Reports a call that needs more than somebody grants.</summary>
    /// <param name="call">Where to report it.</param>
    /// <param name="callee">Who needs the permissions, as the start of a sentence.</param>
    /// <param name="granted"><see langword="null"/> grants everything.</param>
    /// <param name="list">The list that would have to grant them.</param>
    public void Check(YamlNode call, string callee, IReadOnlyList<string> needed, IReadOnlyList<string>? granted, string list)
    {
        string[] missing = [.. needed.Where(n => !Grant.Covers(granted, n)).Select(Excerpt.Of)];
        if (missing.Length > 0)
        {
            findings.Error(call, DiagnosticCodes.PermissionNotGranted, $"{callee} needs {string.Join(", ", missing)}, which {list} does not grant.", "Add it there, or do without.");
        }
    }
}
