using AgentFlow.Contracts.Text;
namespace AgentFlow.Tools;

/// <summary>The permissions that a tool's contract may ask for and a policy may grant.</summary>
public static class Permissions
{
    public const string None = "none";
    public const string NetworkHttp = "network.http";
    public const string NetworkSmtp = "network.smtp";
    public const string NetworkDns = "network.dns";
    public const string FileRead = "fs.read";
    public const string FileTemporary = "fs.tmp";
    public const string DatabaseRead = "db.read";
    public const string DatabaseWrite = "db.write";

    private const string KubernetesFamily = "k8s.";

    private static readonly string[] Known = [None, NetworkHttp, NetworkSmtp, NetworkDns, FileRead, FileTemporary, DatabaseRead, DatabaseWrite];

    private static readonly string[] Families = ["network.*", "fs.*", "db.*", "k8s.*"];

    /// <summary>Says what is wrong with a permission that a contract asks for; <see langword="null"/> when nothing is.</summary>
    public static string? Problem(string permission) =>
        Known.Contains(permission, StringComparer.Ordinal) || IsKubernetes(permission)
            ? null
            : $"unknown permission '{permission}'{NearWord.Hint(permission, Known)}; known are {string.Join(", ", Known)} and k8s.<name>";

    /// <summary>As <see cref="Problem"/>, for what a policy grants: a whole family such as <c>network.*</c> is also allowed there.</summary>
    public static string? GrantProblem(string grant) =>
        Families.Contains(grant, StringComparer.Ordinal) ? null : Problem(grant);

    /// <summary>Whether a grant covers a permission. <c>none</c> needs no grant.</summary>
    public static bool Covers(string grant, string permission) =>
        permission == None
        || grant == permission
        || (grant.EndsWith(".*", StringComparison.Ordinal) && permission.StartsWith(grant.AsSpan(0, grant.Length - 1), StringComparison.Ordinal));

    private static bool IsKubernetes(string permission) =>
        permission.StartsWith(KubernetesFamily, StringComparison.Ordinal)
        && permission.Length > KubernetesFamily.Length
        && permission.AsSpan(KubernetesFamily.Length).IndexOfAnyExcept(KubernetesName) < 0;

    private static readonly System.Buffers.SearchValues<char> KubernetesName =
        System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789_-.");
}
