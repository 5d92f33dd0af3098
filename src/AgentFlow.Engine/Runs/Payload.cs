using System.Security.Cryptography;
using System.Text;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Runs;

/// <summary>An immutable JSON value of a run: its UTF-8 text, and its parsed form once somebody asks for it.</summary>
public sealed class Payload : IEquatable<Payload>
{
    /// <summary>Values longer than this many bytes are stored once, by content, outside the frame.</summary>
    public const int BlobThreshold = 2048;

    /// <summary>No single value of a run is longer than this many bytes (16 MiB).</summary>
    public const int MaxLength = 16 * 1024 * 1024;

    private CelValue _value;
    private bool _parsed;
    private byte[]? _hash;

    public Payload(ReadOnlyMemory<byte> utf8) => Utf8 = utf8;

    public static Payload Null { get; } = new("null"u8.ToArray());

    public static Payload EmptyObject { get; } = new("{}"u8.ToArray());

    public ReadOnlyMemory<byte> Utf8 { get; }

    public bool IsBlob => Utf8.Length > BlobThreshold;

    /// <summary>SHA-256 of the bytes: the blob's name.</summary>
    public ReadOnlyMemory<byte> Hash => _hash ??= SHA256.HashData(Utf8.Span);

    /// <summary>The value as expressions see it. Parsed on first use; racing threads parse twice and agree.</summary>
    public CelValue Value
    {
        get
        {
            if (!_parsed)
            {
                _value = CelValue.FromJson(Utf8);
                _parsed = true;
            }

            return _value;
        }
    }

    public static Payload FromText(string json) => new(Encoding.UTF8.GetBytes(json));

    public bool Equals(Payload? other) => other is not null && Utf8.Span.SequenceEqual(other.Utf8.Span);

    public override bool Equals(object? obj) => Equals(obj as Payload);

    public override int GetHashCode() => Utf8.Length;

    public override string ToString() => Encoding.UTF8.GetString(Utf8.Span);
}
