using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using AgentFlow.Expressions.Cel.Time;
using AgentFlow.Expressions.Cel.Values;

namespace AgentFlow.Expressions.Cel;

/// <summary>
/// A value of the Common Expression Language. Immutable; null, booleans and numbers cost no allocation.
/// <c>default</c> is null. Equality is the language's: numbers compare across types, NaN differs from itself.
/// </summary>
[DebuggerDisplay("{DebugText,nq}")]
public readonly partial struct CelValue : IEquatable<CelValue>
{
    private readonly object? _reference;
    private readonly long _bits;
    private readonly int _nanos;

    private CelValue(CelKind kind, object? reference, long bits = 0, int nanos = 0)
    {
        Kind = kind;
        _reference = reference;
        _bits = bits;
        _nanos = nanos;
    }

    public CelKind Kind { get; }

    public bool IsNull => Kind == CelKind.Null;

    public bool IsError => Kind == CelKind.Error;

    /// <summary>True for the boolean <c>true</c> and nothing else.</summary>
    public bool IsTrue => Kind == CelKind.Bool && _bits != 0;

    public static CelValue Null => default;

    public static CelValue True => new(CelKind.Bool, null, 1);

    public static CelValue False => new(CelKind.Bool, null, 0);

    public static CelValue Bool(bool value) => new(CelKind.Bool, null, value ? 1 : 0);

    public static CelValue Int(long value) => new(CelKind.Int, null, value);

    public static CelValue UInt(ulong value) => new(CelKind.UInt, null, unchecked((long)value));

    public static CelValue Double(double value) => new(CelKind.Double, null, BitConverter.DoubleToInt64Bits(value));

    public static CelValue String(string value) => new(CelKind.String, value ?? throw new ArgumentNullException(nameof(value)));

    /// <summary>The array becomes the value's own and may not be changed any more.</summary>
    public static CelValue Bytes(byte[] value) => new(CelKind.Bytes, value ?? throw new ArgumentNullException(nameof(value)));

    public static CelValue List(CelList value) => new(CelKind.List, value ?? throw new ArgumentNullException(nameof(value)));

    public static CelValue List(params ReadOnlySpan<CelValue> values) => new(CelKind.List, new CelArray(values.ToArray()));

    public static CelValue Map(CelMap value) => new(CelKind.Map, value ?? throw new ArgumentNullException(nameof(value)));

    /// <summary>A map with string keys, in the order of enumeration.</summary>
    public static CelValue Map(IEnumerable<KeyValuePair<string, CelValue>> entries) => new(CelKind.Map, StringMap.From(entries));

    /// <summary>A map with keys of any allowed kind.</summary>
    /// <exception cref="ArgumentException">A key is no bool, int, uint or string, or occurs twice.</exception>
    public static CelValue Map(IEnumerable<KeyValuePair<CelValue, CelValue>> entries) => new(CelKind.Map, MixedMap.From(entries));

    /// <summary>A point in time.</summary>
    /// <param name="seconds">Seconds since 1970-01-01T00:00:00Z, negative before.</param>
    /// <param name="nanos">0 to 999,999,999, counted forward from <paramref name="seconds"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">Outside the years 0001 to 9999.</exception>
    public static CelValue Timestamp(long seconds, int nanos = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(seconds, CelTime.MinSeconds);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(seconds, CelTime.MaxSeconds);
        ArgumentOutOfRangeException.ThrowIfNegative(nanos);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(nanos, CelTime.NanosPerSecond - 1);
        return new(CelKind.Timestamp, null, seconds, nanos);
    }

    public static CelValue Timestamp(DateTimeOffset value)
    {
        var ticks = value.UtcTicks - DateTime.UnixEpoch.Ticks;
        var seconds = Math.DivRem(ticks, TimeSpan.TicksPerSecond, out var rest);
        return rest < 0
            ? new(CelKind.Timestamp, null, seconds - 1, (int)(rest + TimeSpan.TicksPerSecond) * 100)
            : new(CelKind.Timestamp, null, seconds, (int)rest * 100);
    }

    /// <summary>A length of time in nanoseconds: about 292 years either way.</summary>
    public static CelValue Duration(long nanoseconds) => new(CelKind.Duration, null, nanoseconds);

    /// <exception cref="OverflowException">Longer than about 292 years.</exception>
    public static CelValue Duration(TimeSpan value) => new(CelKind.Duration, null, checked(value.Ticks * 100));

    /// <summary>A type as a value: <c>int</c>, <c>google.protobuf.Timestamp</c>.</summary>
    public static CelValue Type(string name) => new(CelKind.Type, name ?? throw new ArgumentNullException(nameof(name)));

    public static CelValue OptionalNone => new(CelKind.Optional, null);

    public static CelValue OptionalOf(in CelValue value) => new(CelKind.Optional, new Box(value));

    public static CelValue Error(CelError error) => new(CelKind.Error, error ?? throw new ArgumentNullException(nameof(error)));

    public static CelValue Error(string code, string message) => new(CelKind.Error, new CelError(code, message));

    /// <exception cref="InvalidOperationException">The value is of another kind; so for every accessor below.</exception>
    public bool AsBool() => Kind == CelKind.Bool ? _bits != 0 : throw Wrong(CelKind.Bool);

    public long AsInt() => Kind == CelKind.Int ? _bits : throw Wrong(CelKind.Int);

    public ulong AsUInt() => Kind == CelKind.UInt ? unchecked((ulong)_bits) : throw Wrong(CelKind.UInt);

    public double AsDouble() => Kind == CelKind.Double ? BitConverter.Int64BitsToDouble(_bits) : throw Wrong(CelKind.Double);

    public string AsString() => Kind == CelKind.String ? (string)_reference! : throw Wrong(CelKind.String);

    public ReadOnlyMemory<byte> AsBytes() => Kind == CelKind.Bytes ? (byte[])_reference! : throw Wrong(CelKind.Bytes);

    public CelList AsList() => Kind == CelKind.List ? (CelList)_reference! : throw Wrong(CelKind.List);

    public CelMap AsMap() => Kind == CelKind.Map ? (CelMap)_reference! : throw Wrong(CelKind.Map);

    /// <summary>The instant, cut to 100 ns.</summary>
    public DateTimeOffset AsTimestamp() => Kind == CelKind.Timestamp
        ? DateTimeOffset.FromUnixTimeSeconds(_bits).AddTicks(_nanos / 100)
        : throw Wrong(CelKind.Timestamp);

    /// <summary>The instant in full: seconds since 1970 and the nanoseconds after them.</summary>
    public (long Seconds, int Nanos) AsTimestampParts() => Kind == CelKind.Timestamp ? (_bits, _nanos) : throw Wrong(CelKind.Timestamp);

    /// <summary>The length of time in nanoseconds.</summary>
    public long AsDurationNanoseconds() => Kind == CelKind.Duration ? _bits : throw Wrong(CelKind.Duration);

    /// <summary>The length of time, cut to 100 ns.</summary>
    public TimeSpan AsDuration() => Kind == CelKind.Duration ? new TimeSpan(_bits / 100) : throw Wrong(CelKind.Duration);

    /// <summary>The name of the type.</summary>
    public string AsType() => Kind == CelKind.Type ? (string)_reference! : throw Wrong(CelKind.Type);

    /// <summary>False for <c>optional.none()</c>.</summary>
    public bool TryAsOptional(out CelValue value)
    {
        if (Kind != CelKind.Optional)
        {
            throw Wrong(CelKind.Optional);
        }

        if (_reference is Box box)
        {
            value = box.Value;
            return true;
        }

        value = default;
        return false;
    }

    public CelError AsError() => Kind == CelKind.Error ? (CelError)_reference! : throw Wrong(CelKind.Error);

    /// <summary>The name <c>type(value)</c> has: <c>int</c>, <c>null_type</c>, <c>google.protobuf.Duration</c>.</summary>
    public string TypeName => CelTypes.NameOf(Kind);

    // The evaluator has looked at the kind before it calls these.
    internal long RawBits => _bits;

    internal int RawNanos => _nanos;

    internal ulong RawUInt => unchecked((ulong)_bits);

    internal double RawDouble => BitConverter.Int64BitsToDouble(_bits);

    internal string RawString => (string)_reference!;

    internal byte[] RawBytes => (byte[])_reference!;

    internal CelList RawList => (CelList)_reference!;

    internal CelMap RawMap => (CelMap)_reference!;

    internal CelError RawError => (CelError)_reference!;

    public override bool Equals([NotNullWhen(true)] object? obj) => obj is CelValue other && Equals(other);

    /// <summary>The language's equality; two errors are equal when they are the same error.</summary>
    public bool Equals(CelValue other) => CelEquality.Equal(this, other);

    public override int GetHashCode() => CelEquality.Hash(this);

    public static bool operator ==(CelValue left, CelValue right) => left.Equals(right);

    public static bool operator !=(CelValue left, CelValue right) => !left.Equals(right);

    /// <summary>The value as an expression would write it, for messages and logs; long values are cut.</summary>
    public override string ToString() => CelText.Describe(this);

    private string DebugText => ToString();

    private InvalidOperationException Wrong(CelKind wanted) => new($"The value is of kind {Kind}, not {wanted}.");

    private sealed class Box(CelValue value)
    {
        public CelValue Value { get; } = value;
    }
}
