using System.Buffers.Binary;
using System.Security.Cryptography;

namespace AgentFlow.Engine.Audit;

/// <summary>A SHA-256. The default value, all zeros, stands before the first record of a chain.</summary>
public readonly record struct AuditHash
{
    public const int Length = SHA256.HashSizeInBytes;

    private readonly ulong _a, _b, _c, _d;

    /// <exception cref="ArgumentException">It has not exactly <see cref="Length"/> bytes.</exception>
    public AuditHash(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Length)
        {
            throw new ArgumentException($"A SHA-256 has {Length} bytes, not {bytes.Length}.", nameof(bytes));
        }

        _a = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        _b = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
        _c = BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]);
        _d = BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]);
    }

    public static AuditHash Of(ReadOnlySpan<byte> data)
    {
        Span<byte> hash = stackalloc byte[Length];
        SHA256.HashData(data, hash);
        return new AuditHash(hash);
    }

    /// <summary>Reads 64 hexadecimal digits.</summary>
    public static bool TryParse(string? text, out AuditHash hash)
    {
        Span<byte> bytes = stackalloc byte[Length];
        bool good = text is { Length: 2 * Length } && Convert.FromHexString(text, bytes, out _, out int written) == System.Buffers.OperationStatus.Done && written == Length;
        hash = good ? new AuditHash(bytes) : default;
        return good;
    }

    public byte[] ToArray()
    {
        byte[] bytes = new byte[Length];
        Write(bytes);
        return bytes;
    }

    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, _a);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], _b);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], _c);
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..], _d);
    }

    /// <summary>64 lower-case hexadecimal digits.</summary>
    public override string ToString() => Convert.ToHexStringLower(ToArray());
}
