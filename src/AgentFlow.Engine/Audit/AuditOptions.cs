namespace AgentFlow.Engine.Audit;

/// <summary>How chains are kept.</summary>
public sealed record AuditOptions
{
    /// <summary>How often what waits is chained. Default 250 ms.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>About how many notes and frames are chained in one transaction. Default 256.</summary>
    public int Batch { get; init; } = 256;

    /// <summary>Records after which a segment is sealed. Default 1,000.</summary>
    public int SegmentRecords { get; init; } = 1000;

    /// <summary>Age of its oldest record after which a segment is sealed. Default 1 minute.</summary>
    public TimeSpan SegmentAge { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long records are kept after their segment was sealed; they are exported before they are dropped. Default: for ever.</summary>
    public TimeSpan? Retention { get; init; }

    /// <summary>How long a process that chains on a shared store may be silent before another one takes over. Default 10 s.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(10);
}
