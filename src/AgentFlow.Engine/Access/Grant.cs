using System.Buffers;
using AgentFlow.Contracts.Text;

namespace AgentFlow.Engine.Access;

/// <summary>
/// The words with which permissions are granted and asked for: an exact name (<c>db.read</c>), a family (<c>network.*</c>),
/// <c>k8s.NAME</c>, <c>none</c> for a tool that needs nothing, and <c>*</c> for everything in a role.
/// </summary>
public static class Grant
{
    /// <summary>What a tool asks for that needs nothing.</summary>
    public const string None = "none";

    /// <summary>Every permission there is.</summary>
    public const string Everything = "*";

    private const string FamilySuffix = ".*";
    private const string KubernetesFamily = "k8s.";
    private const int MaxLength = 100;

    private static readonly SearchValues<char> KubernetesName = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_-.");

    /// <summary>What tools may ask for, without <c>k8s.NAME</c>.</summary>
    public static IReadOnlyList<string> Tools { get; } = [None, .. Permission.All.Where(p => p.IsTool && p != Permission.Kubernetes).Select(p => p.Name)];

    /// <summary>The families of what tools may ask for, for example <c>network.*</c>.</summary>
    public static IReadOnlyList<string> ToolFamilies { get; } = Families(p => p.IsTool);

    private static IReadOnlyList<string> AllFamilies { get; } = Families(static _ => true);

    /// <summary>Says what is wrong with a permission that a tool's contract asks for; <see langword="null"/> when nothing is.</summary>
    public static string? ToolProblem(string permission) =>
        Tools.Contains(permission, StringComparer.Ordinal) || IsKubernetes(permission)
            ? null
            : $"unknown permission '{permission}'{NearWord.Hint(permission, Tools)}; known are {string.Join(", ", Tools)} and k8s.<name>";

    /// <summary>As <see cref="ToolProblem"/>, for what a tool policy grants: a whole family such as <c>network.*</c> is also allowed there.</summary>
    public static string? ToolGrantProblem(string grant) =>
        ToolFamilies.Contains(grant, StringComparer.Ordinal) ? null : ToolProblem(grant);

    /// <summary>Says what is wrong with a grant of a role or a key; <see langword="null"/> when nothing is.</summary>
    public static string? Problem(string grant)
    {
        if (grant == Everything || Permission.Find(grant) is not null || AllFamilies.Contains(grant, StringComparer.Ordinal) || IsKubernetes(grant))
        {
            return null;
        }

        IEnumerable<string> known = [.. Permission.All.Select(p => p.Name), .. AllFamilies, Everything];
        string shown = grant.Length <= MaxLength ? grant : grant[..MaxLength] + "…";
        return $"unknown permission '{shown}'{NearWord.Hint(shown, known)}; known are {string.Join(", ", Permission.All.Select(p => p.Name))}, k8s.<name>, families such as runs.* and *";
    }

    /// <summary>Whether a grant covers a permission. <c>none</c> needs no grant.</summary>
    public static bool Covers(string grant, string permission) =>
        permission == None
        || grant == permission
        || grant == Everything
        || (grant.EndsWith(FamilySuffix, StringComparison.Ordinal) && permission.StartsWith(grant.AsSpan(0, grant.Length - 1), StringComparison.Ordinal));

    /// <summary>Whether a list covers a permission.</summary>
    /// <param name="grants"><see langword="null"/> grants everything that tools ask for.</param>
    public static bool Covers(IReadOnlyList<string>? grants, string permission)
    {
        if (grants is null || permission == None)
        {
            return true;
        }

        foreach (string grant in grants)
        {
            if (Covers(grant, permission))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether a text is <c>k8s.NAME</c>.</summary>
    public static bool IsKubernetes(string permission) =>
        permission.StartsWith(KubernetesFamily, StringComparison.Ordinal)
        && permission.Length > KubernetesFamily.Length
        && permission.Length <= MaxLength
        && permission.AsSpan(KubernetesFamily.Length).IndexOfAnyExcept(KubernetesName) < 0;

    internal static bool IsFamily(string grant) => grant.EndsWith(FamilySuffix, StringComparison.Ordinal);

    private static string[] Families(Func<Permission, bool> of) =>
        [.. Permission.All.Where(of).Select(p => $"{p.Family}*").Distinct(StringComparer.Ordinal)];
}
