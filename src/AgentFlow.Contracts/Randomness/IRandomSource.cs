namespace AgentFlow.Contracts.Randomness;

/// <summary>
/// Where random bits come from. Code that needs them takes this instead of a global, so that a simulation can give
/// it a seed. An implementation says whether it may be shared between threads.
/// </summary>
public interface IRandomSource
{
    /// <summary>64 uniformly distributed bits.</summary>
    ulong NextUInt64();

    /// <summary>Fills the whole span with uniformly distributed bytes.</summary>
    void Fill(Span<byte> destination);
}
