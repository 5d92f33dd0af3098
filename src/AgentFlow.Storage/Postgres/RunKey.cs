namespace AgentFlow.Storage.Postgres;

/// <summary>
/// What the store's key says: a row, and which ownership of it. So a frame that an earlier ownership wrote late is told
/// from the present one's, also within one process.
/// </summary>
internal readonly record struct RunKey(long Row, int Epoch)
{
    private const int EpochBits = 20;

    /// <summary>Epochs wrap at this number; two ownerships that are a million apart never meet.</summary>
    public const int EpochMask = (1 << EpochBits) - 1;

    public static RunKey From(long packed) => new(packed >> EpochBits, (int)(packed & EpochMask));

    public long Packed => (Row << EpochBits) | (uint)Epoch;
}
