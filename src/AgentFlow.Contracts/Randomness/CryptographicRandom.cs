using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace AgentFlow.Contracts.Randomness;

/// <summary>The operating system's cryptographic generator. Safe for concurrent use.</summary>
public sealed class CryptographicRandom : IRandomSource
{
    private CryptographicRandom()
    {
    }

    public static CryptographicRandom Shared { get; } = new();

    public ulong NextUInt64()
    {
        ulong value = 0;
        RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(new Span<ulong>(ref value)));
        return value;
    }

    public void Fill(Span<byte> destination) => RandomNumberGenerator.Fill(destination);
}
