using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary>SHA-256 of a token: what is kept of it in memory, so that a dump of the memory gives no token away.</summary>
internal readonly record struct TokenHash(ulong A, ulong B, ulong C, ulong D)
{
    /// <param name="token">At most <see cref="TokenValidator.MaxLength"/> characters.</param>
    /// <returns><see langword="null"/> when the text is not ASCII.</returns>
    public static TokenHash? Of(string token)
    {
        Span<byte> bytes = token.Length <= 1024 ? stackalloc byte[1024] : new byte[token.Length];
        if (Ascii.FromUtf16(token, bytes, out int written) != System.Buffers.OperationStatus.Done)
        {
            return null;
        }

        Span<ulong> hash = stackalloc ulong[SHA256.HashSizeInBytes / sizeof(ulong)];
        SHA256.HashData(bytes[..written], MemoryMarshal.AsBytes(hash));
        return new TokenHash(hash[0], hash[1], hash[2], hash[3]);
    }

    // It is a hash already.
    public override int GetHashCode() => (int)A;
}
