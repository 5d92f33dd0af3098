using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json.Serialization;

namespace AgentFlow.Contracts.Ids;

/// <summary>
/// A ULID (github.com/ulid/spec): 48 bits of Unix milliseconds, then 80 random bits. Values, their big-endian bytes
/// and their texts sort alike. The text is 26 characters of Crockford's base 32, upper case.
/// </summary>
[JsonConverter(typeof(UlidJsonConverter))]
public readonly struct Ulid : IEquatable<Ulid>, IComparable<Ulid>, IComparable, ISpanFormattable, IUtf8SpanFormattable, ISpanParsable<Ulid>
{
    /// <summary>Bytes in the binary form.</summary>
    public const int ByteLength = 16;

    /// <summary>Characters in the text form.</summary>
    public const int TextLength = 26;

    /// <summary>The largest time a ULID can hold, in Unix milliseconds (in the year 10889).</summary>
    public const long MaxUnixMilliseconds = (1L << 48) - 1;

    private readonly ulong _high;
    private readonly ulong _low;

    private Ulid(ulong high, ulong low) => (_high, _low) = (high, low);

    /// <summary>Reads the 16-byte big-endian form. Every 16 bytes are a ULID.</summary>
    /// <exception cref="ArgumentException">The span is not 16 bytes long.</exception>
    public Ulid(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != ByteLength)
        {
            throw new ArgumentException($"A ULID has {ByteLength} bytes, not {bytes.Length}.", nameof(bytes));
        }

        _high = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        _low = BinaryPrimitives.ReadUInt64BigEndian(bytes[sizeof(ulong)..]);
    }

    /// <summary>Puts a ULID together from its time and its 80 random bits.</summary>
    /// <param name="unixMilliseconds">0 to <see cref="MaxUnixMilliseconds"/>.</param>
    /// <param name="randomHigh">The upper 16 random bits.</param>
    /// <param name="randomLow">The lower 64 random bits.</param>
    /// <exception cref="ArgumentOutOfRangeException">The time does not fit into 48 bits.</exception>
    public Ulid(long unixMilliseconds, ushort randomHigh, ulong randomLow)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(unixMilliseconds);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(unixMilliseconds, MaxUnixMilliseconds);
        _high = ((ulong)unixMilliseconds << 16) | randomHigh;
        _low = randomLow;
    }

    /// <summary>When the id was made, in Unix milliseconds.</summary>
    public long UnixMilliseconds => (long)(_high >> 16);

    private static ReadOnlySpan<byte> Alphabet => "0123456789ABCDEFGHJKMNPQRSTVWXYZ"u8;

    /// <summary>The digit of each ASCII character; 255 for those outside the alphabet.</summary>
    private static readonly byte[] Digits = CreateDigits();

    /// <summary>
    /// Reads a text form, in either case. Refused are other lengths, the letters I, L, O and U, and texts above
    /// <c>7ZZZZZZZZZZZZZZZZZZZZZZZZZ</c>, which would need more than 128 bits.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Ulid value)
    {
        value = default;
        if (text.Length != TextLength || Digit(text[0]) > 7) return false;

        UInt128 bits = 0;
        foreach (char c in text)
        {
            byte digit = Digit(c);
            if (digit > 31) return false;
            bits = (bits << 5) | digit;
        }

        value = new Ulid((ulong)(bits >> 64), (ulong)bits);
        return true;
    }

    /// <inheritdoc cref="TryParse(ReadOnlySpan{char}, out Ulid)"/>
    public static bool TryParse([NotNullWhen(true)] string? text, out Ulid value) => TryParse(text.AsSpan(), out value);

    /// <exception cref="FormatException">The text is not a ULID; the message says which texts are.</exception>
    public static Ulid Parse(ReadOnlySpan<char> text) => TryParse(text, out Ulid value)
        ? value
        : throw new FormatException(
            $"'{Shorten(text)}' is not a ULID: 26 characters of 0-9 and A-Z without I, L, O and U, the first one 0 to 7, are expected.");

    /// <inheritdoc cref="Parse(ReadOnlySpan{char})"/>
    public static Ulid Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Parse(text.AsSpan());
    }

    static Ulid ISpanParsable<Ulid>.Parse(ReadOnlySpan<char> s, IFormatProvider? provider) => Parse(s);

    static bool ISpanParsable<Ulid>.TryParse(ReadOnlySpan<char> s, IFormatProvider? provider, out Ulid result) => TryParse(s, out result);

    static Ulid IParsable<Ulid>.Parse(string s, IFormatProvider? provider) => Parse(s);

    static bool IParsable<Ulid>.TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out Ulid result) => TryParse(s, out result);

    /// <summary>Writes the 16-byte big-endian form; false when the span is shorter than that.</summary>
    public bool TryWriteBytes(Span<byte> destination)
    {
        if (destination.Length < ByteLength) return false;
        BinaryPrimitives.WriteUInt64BigEndian(destination, _high);
        BinaryPrimitives.WriteUInt64BigEndian(destination[sizeof(ulong)..], _low);
        return true;
    }

    public byte[] ToByteArray()
    {
        byte[] bytes = new byte[ByteLength];
        TryWriteBytes(bytes);
        return bytes;
    }

    public override string ToString() => string.Create(TextLength, this, static (span, id) => id.TryFormat(span, out _));

    /// <inheritdoc cref="ToString()"/>
    public string ToString(string? format, IFormatProvider? formatProvider) => ToString();

    public bool TryFormat(
        Span<char> destination, out int charsWritten, ReadOnlySpan<char> format = default, IFormatProvider? provider = null)
    {
        Span<byte> ascii = stackalloc byte[TextLength];
        charsWritten = 0;
        return destination.Length >= TextLength
            && TryFormat(ascii, out _)
            && Ascii.ToUtf16(ascii, destination, out charsWritten) == System.Buffers.OperationStatus.Done;
    }

    public bool TryFormat(
        Span<byte> utf8Destination, out int bytesWritten, ReadOnlySpan<char> format = default, IFormatProvider? provider = null)
    {
        bytesWritten = 0;
        if (utf8Destination.Length < TextLength) return false;

        ulong high = _high, low = _low;
        for (int i = TextLength - 1; i >= 0; i--)
        {
            utf8Destination[i] = Alphabet[(int)(low & 31)];
            low = (low >> 5) | (high << 59);
            high >>= 5;
        }

        bytesWritten = TextLength;
        return true;
    }

    public bool Equals(Ulid other) => _high == other._high && _low == other._low;

    public override bool Equals(object? obj) => obj is Ulid other && Equals(other);

    public override int GetHashCode() => HashCode.Combine(_high, _low);

    /// <summary>Orders by time, then by the random bits; the order of the bytes and of the texts is the same.</summary>
    public int CompareTo(Ulid other)
    {
        int order = _high.CompareTo(other._high);
        return order != 0 ? order : _low.CompareTo(other._low);
    }

    int IComparable.CompareTo(object? obj) => obj switch
    {
        null => 1,
        Ulid other => CompareTo(other),
        _ => throw new ArgumentException("A ULID compares with a ULID only.", nameof(obj)),
    };

    public static bool operator ==(Ulid left, Ulid right) => left.Equals(right);

    public static bool operator !=(Ulid left, Ulid right) => !left.Equals(right);

    public static bool operator <(Ulid left, Ulid right) => left.CompareTo(right) < 0;

    public static bool operator <=(Ulid left, Ulid right) => left.CompareTo(right) <= 0;

    public static bool operator >(Ulid left, Ulid right) => left.CompareTo(right) > 0;

    public static bool operator >=(Ulid left, Ulid right) => left.CompareTo(right) >= 0;

    private static byte Digit(char c) => c < Digits.Length ? Digits[c] : (byte)255;

    private static string Shorten(ReadOnlySpan<char> text) => text.Length <= 40 ? text.ToString() : $"{text[..40]}…";

    private static byte[] CreateDigits()
    {
        byte[] digits = new byte[128];
        digits.AsSpan().Fill(255);
        for (int i = 0; i < Alphabet.Length; i++)
        {
            digits[Alphabet[i]] = (byte)i;
            digits[char.ToLowerInvariant((char)Alphabet[i])] = (byte)i;
        }

        return digits;
    }
}
