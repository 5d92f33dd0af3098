using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace AgentFlow.Tools.Stubs;

/// <summary>A hash of what a call asks for, under a seed; the order of an object's members does not matter.</summary>
internal sealed class RequestHash : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    public RequestHash(long seed) => Add(seed);

    /// <summary>Adds a text; <see langword="null"/> and empty differ.</summary>
    public RequestHash Add(string? text)
    {
        byte[] bytes = text is null ? [] : Encoding.UTF8.GetBytes(text);
        // The length before the text keeps "ab","c" and "a","bc" apart.
        Add(text is null ? -1L : bytes.Length);
        _hash.AppendData(bytes);
        return this;
    }

    public RequestHash Add(JsonElement value)
    {
        Add((long)value.ValueKind);
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                Add((long)value.GetPropertyCount());
                foreach (JsonProperty member in value.EnumerateObject().OrderBy(p => p.Name, StringComparer.Ordinal))
                    Add(member.Name).Add(member.Value);
                return this;
            case JsonValueKind.Array:
                Add((long)value.GetArrayLength());
                foreach (JsonElement item in value.EnumerateArray())
                    Add(item);
                return this;
            default:
                return Add(value.ToString());
        }
    }

    /// <summary>Lower-case hex.</summary>
    public string Text() => Convert.ToHexStringLower(_hash.GetCurrentHash());

    public void Dispose() => _hash.Dispose();

    private void Add(long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, number);
        _hash.AppendData(bytes);
    }
}
