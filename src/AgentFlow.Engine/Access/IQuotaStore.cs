namespace AgentFlow.Engine.Access;

/// <summary>
/// What tenants were given, and how much of it they use. A count of runs is exact: every commit that begins or ends one keeps
/// it, in every process that shares the store. Safe for concurrent calls.
/// </summary>
public interface IQuotaStore
{
    /// <summary>What the tenant was given itself; a kind that is absent has the deployment's default.</summary>
    ValueTask<IReadOnlyDictionary<QuotaKind, QuotaGrant>> ReadAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>Gives a tenant these, and takes those back that are <see langword="null"/>. Durable when it returns.</summary>
    ValueTask SetAsync(string tenant, IReadOnlyDictionary<QuotaKind, QuotaGrant?> grants, CancellationToken cancellationToken);

    /// <summary>
    /// Sees to it that the tenant's runs are counted, from now on and for good; those that are going already are in the count
    /// when it returns. Only then does <see cref="Ports.RunCreation.MaxRuns"/> hold.
    /// </summary>
    ValueTask CountRunsAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>Runs that have not ended; <see langword="null"/> when the tenant's are not counted.</summary>
    ValueTask<long?> RunsAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>Bytes of the tenant's journals, inboxes, snapshots, blobs and workflows, as they were written. Reads all of its rows.</summary>
    ValueTask<long> MeasureStorageAsync(string tenant, CancellationToken cancellationToken);
}

/// <summary>What a tenant can have only so much of.</summary>
public enum QuotaKind
{
    /// <summary>Runs that have not ended, waiting and paused ones included.</summary>
    Runs,

    /// <summary>Names of published workflows.</summary>
    Workflows,

    /// <summary>Versions of published workflows, of all names together.</summary>
    WorkflowVersions,

    /// <summary>Bytes.</summary>
    Storage,

    /// <summary>Registered agents.</summary>
    Agents,
}

/// <param name="Most"><see langword="null"/>: as much as there is, whatever the deployment's default.</param>
public readonly record struct QuotaGrant(long? Most)
{
    public static QuotaGrant Unlimited => default;
}

public static class QuotaKinds
{
    public static IReadOnlyList<QuotaKind> All { get; } = Enum.GetValues<QuotaKind>();

    /// <summary>The name in the store, the API and the command line.</summary>
    public static string Word(this QuotaKind kind) => kind switch
    {
        QuotaKind.Runs => "runs",
        QuotaKind.Workflows => "workflows",
        QuotaKind.WorkflowVersions => "workflow_versions",
        QuotaKind.Storage => "storage",
        QuotaKind.Agents => "agents",
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <summary>The kind of a name; <see langword="null"/> for one that a newer build has written.</summary>
    public static QuotaKind? Parse(string word)
    {
        foreach (QuotaKind kind in All)
        {
            if (kind.Word() == word)
            {
                return kind;
            }
        }

        return null;
    }
}
