using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace AgentFlow.Engine.Audit;

/// <summary>
/// Writes one flat JSON object in canonical form (RFC 8785) at once, because the chain hashes every record. The caller gives
/// the members in ordinal order of their names; names are plain ASCII.
/// </summary>
public sealed class CanonicalObject
{
    private static readonly SearchValues<char> Escaped = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Select(i => (char)i), '"', '\\', .. Enumerable.Range(0xD800, 0x800).Select(i => (char)i)]);

    private byte[] _bytes = new byte[1024];
    private int _length;

    public CanonicalObject() => Clear();

    public void Clear()
    {
        _bytes[0] = (byte)'{';
        _length = 1;
    }

    public CanonicalObject Text(ReadOnlySpan<byte> name, string value)
    {
        Name(name);
        Byte('"');
        if (value.AsSpan().ContainsAny(Escaped))
        {
            Escape(value);
        }
        else
        {
            Reserve(Encoding.UTF8.GetMaxByteCount(value.Length));
            _length += Encoding.UTF8.GetBytes(value, _bytes.AsSpan(_length));
        }

        Byte('"');
        return this;
    }

    /// <param name="value">Within ±2⁵³, beyond which JSON numbers are not exact.</param>
    public CanonicalObject Number(ReadOnlySpan<byte> name, long value)
    {
        Name(name);
        Reserve(20);
        Utf8Formatter.TryFormat(value, _bytes.AsSpan(_length), out int written);
        _length += written;
        return this;
    }

    /// <param name="canonical">A value in canonical form.</param>
    public CanonicalObject Raw(ReadOnlySpan<byte> name, ReadOnlySpan<byte> canonical)
    {
        Name(name);
        Reserve(canonical.Length);
        canonical.CopyTo(_bytes.AsSpan(_length));
        _length += canonical.Length;
        return this;
    }

    public CanonicalObject Hash(ReadOnlySpan<byte> name, AuditHash value)
    {
        Name(name);
        Span<byte> bytes = stackalloc byte[AuditHash.Length];
        value.Write(bytes);
        Byte('"');
        Reserve(2 * AuditHash.Length);
        Convert.TryToHexStringLower(bytes, _bytes.AsSpan(_length), out int written);
        _length += written;
        Byte('"');
        return this;
    }

    /// <summary>The object; valid until the next change.</summary>
    public ReadOnlySpan<byte> End()
    {
        Byte('}');
        return _bytes.AsSpan(0, _length);
    }

    private void Name(ReadOnlySpan<byte> name)
    {
        Reserve(name.Length + 4);
        if (_length > 1)
        {
            _bytes[_length++] = (byte)',';
        }

        _bytes[_length++] = (byte)'"';
        name.CopyTo(_bytes.AsSpan(_length));
        _length += name.Length;
        _bytes[_length++] = (byte)'"';
        _bytes[_length++] = (byte)':';
    }

    private void Escape(string value)
    {
        Span<byte> utf8 = stackalloc byte[4];
        foreach (Rune rune in value.EnumerateRunes())
        {
            switch (rune.Value)
            {
                case '"' or '\\':
                    Byte('\\');
                    Byte((char)rune.Value);
                    break;
                case < 0x20:
                    Control(rune.Value);
                    break;
                default:
                    int written = rune.EncodeToUtf8(utf8);
                    Reserve(written);
                    utf8[..written].CopyTo(_bytes.AsSpan(_length));
                    _length += written;
                    break;
            }
        }
    }

    private void Control(int value)
    {
        Byte('\\');
        char letter = value switch { '\b' => 'b', '\t' => 't', '\n' => 'n', '\f' => 'f', '\r' => 'r', _ => 'u' };
        Byte(letter);
        if (letter == 'u')
        {
            Byte('0');
            Byte('0');
            Byte((char)('0' + (value >> 4)));
            Byte("0123456789abcdef"[value & 15]);
        }
    }

    private void Byte(char value)
    {
        Reserve(1);
        _bytes[_length++] = (byte)value;
    }

    private void Reserve(int more)
    {
        if (_length + more > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + more));
        }
    }
}
