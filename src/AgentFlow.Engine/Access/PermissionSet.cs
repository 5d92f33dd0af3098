using System.Collections.Frozen;

namespace AgentFlow.Engine.Access;

/// <summary>
/// What somebody may do, compiled: one bit per <see cref="Permission"/>, so that a check is one instruction, and the names of
/// single Kubernetes verbs, which are open. Immutable.
/// </summary>
public sealed class PermissionSet : IEquatable<PermissionSet>
{
    private static readonly FrozenSet<string> NoVerbs = FrozenSet<string>.Empty;

    private readonly ulong _bits;
    private readonly FrozenSet<string> _verbs;

    private PermissionSet(ulong bits, FrozenSet<string> verbs) =>
        (_bits, _verbs) = (bits, (bits & Permission.Kubernetes.Bit) != 0 ? NoVerbs : verbs);

    public static PermissionSet Empty { get; } = new(0, NoVerbs);

    /// <summary>Every permission there is.</summary>
    public static PermissionSet Everything { get; } = new(Permission.All.Aggregate(0UL, static (bits, p) => bits | p.Bit), NoVerbs);

    /// <summary>Everything that tools ask for.</summary>
    public static PermissionSet EveryTool { get; } = new(Permission.All.Where(p => p.IsTool).Aggregate(0UL, static (bits, p) => bits | p.Bit), NoVerbs);

    public bool IsEmpty => _bits == 0 && _verbs.Count == 0;

    /// <summary>The grants that make this set, in a fixed order.</summary>
    public IReadOnlyList<string> Names => [.. Permission.All.Where(Has).Select(p => p.Name), .. _verbs.Order(StringComparer.Ordinal)];

    public static PermissionSet Of(params ReadOnlySpan<Permission> permissions)
    {
        ulong bits = 0;
        foreach (Permission permission in permissions)
        {
            bits |= permission.Bit;
        }

        return new PermissionSet(bits, NoVerbs);
    }

    /// <summary>Compiles grants. A name that this build does not know grants nothing: a permission of a newer build is not this one's.</summary>
    public static PermissionSet Parse(IEnumerable<string> grants)
    {
        ulong bits = 0;
        HashSet<string>? verbs = null;
        foreach (string grant in grants)
        {
            if (grant == Grant.Everything)
            {
                bits |= Everything._bits;
            }
            else if (Permission.Find(grant) is { } permission)
            {
                bits |= permission.Bit;
            }
            else if (Grant.IsFamily(grant))
            {
                foreach (Permission member in Permission.All)
                {
                    bits |= member.Family.SequenceEqual(grant.AsSpan(0, grant.Length - 1)) ? member.Bit : 0;
                }
            }
            else if (Grant.IsKubernetes(grant))
            {
                (verbs ??= new HashSet<string>(StringComparer.Ordinal)).Add(grant);
            }
        }

        return new PermissionSet(bits, verbs is null ? NoVerbs : verbs.ToFrozenSet(StringComparer.Ordinal));
    }

    public bool Has(Permission permission) => (_bits & permission.Bit) != 0;

    /// <summary>Whether a tool may have what its contract asks for, by name; <c>none</c> always.</summary>
    public bool HasTool(string permission) =>
        permission == Grant.None
        || (Permission.Find(permission) is { } known ? Has(known) : Grant.IsKubernetes(permission) && (Has(Permission.Kubernetes) || _verbs.Contains(permission)));

    /// <summary>Whether everything in another set is in this one.</summary>
    public bool Contains(PermissionSet other) =>
        (other._bits & ~_bits) == 0 && (other._verbs.Count == 0 || Has(Permission.Kubernetes) || other._verbs.IsSubsetOf(_verbs));

    public PermissionSet Union(PermissionSet other) =>
        Contains(other) ? this : new PermissionSet(_bits | other._bits, other._verbs.Count == 0 ? _verbs : _verbs.Union(other._verbs, StringComparer.Ordinal).ToFrozenSet(StringComparer.Ordinal));

    public PermissionSet Intersect(PermissionSet other)
    {
        IEnumerable<string> verbs = (Has(Permission.Kubernetes), other.Has(Permission.Kubernetes)) switch
        {
            (true, _) => other._verbs,
            (_, true) => _verbs,
            _ => _verbs.Where(other._verbs.Contains),
        };
        return new PermissionSet(_bits & other._bits, verbs.ToFrozenSet(StringComparer.Ordinal));
    }

    /// <summary>What this set has and another one lacks.</summary>
    public PermissionSet Except(PermissionSet other) => new(
        _bits & ~other._bits,
        other.Has(Permission.Kubernetes) ? NoVerbs : _verbs.Where(v => !other._verbs.Contains(v)).ToFrozenSet(StringComparer.Ordinal));

    public bool Equals(PermissionSet? other) => other is not null && _bits == other._bits && _verbs.SetEquals(other._verbs);

    public override bool Equals(object? obj) => Equals(obj as PermissionSet);

    public override int GetHashCode() => HashCode.Combine(_bits, _verbs.Count);

    public override string ToString() => string.Join(", ", Names);
}
