using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace AgentFlow.Engine.Definitions.Loading;

/// <summary>
/// Names a source by its content: SHA-256, lower-case hex, over the YAML (CRLF as LF, without byte order mark) and, in
/// ordinal order of path, each asset's path and the SHA-256 of its bytes. Every part is preceded by its length as eight
/// bytes, big-endian, so that no two sources share a sequence.
/// </summary>
internal static class SourceHash
{
    public static string Of(WorkflowSource source)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, Encoding.UTF8.GetBytes(source.Yaml.TrimStart('\uFEFF').Replace("\r\n", "\n", StringComparison.Ordinal)));
        foreach ((string path, ReadOnlyMemory<byte> content) in source.Assets.Files.OrderBy(f => f.Key, StringComparer.Ordinal))
        {
            Append(hash, Encoding.UTF8.GetBytes(path));
            Append(hash, SHA256.HashData(content.Span));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Append(IncrementalHash hash, ReadOnlySpan<byte> part)
    {
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64BigEndian(length, part.Length);
        hash.AppendData(length);
        hash.AppendData(part);
    }
}
