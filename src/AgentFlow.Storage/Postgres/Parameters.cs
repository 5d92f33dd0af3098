using System.Text;
using AgentFlow.Contracts.Ids;
using Npgsql;
using NpgsqlTypes;

namespace AgentFlow.Storage.Postgres;

/// <summary>Positional parameters ($1, $2, …) and the two representations that the store shares with them.</summary>
internal static class Parameters
{
    public static NpgsqlParameterCollection Value(this NpgsqlParameterCollection parameters, long value) => parameters.Typed(value, NpgsqlDbType.Bigint);

    public static NpgsqlParameterCollection Value(this NpgsqlParameterCollection parameters, int value) => parameters.Typed(value, NpgsqlDbType.Integer);

    public static NpgsqlParameterCollection Value(this NpgsqlParameterCollection parameters, double value) => parameters.Typed(value, NpgsqlDbType.Double);

    public static NpgsqlParameterCollection Value(this NpgsqlParameterCollection parameters, bool value) => parameters.Typed(value, NpgsqlDbType.Boolean);

    public static NpgsqlParameterCollection Value(this NpgsqlParameterCollection parameters, string value) => parameters.Typed(Storable(value), NpgsqlDbType.Text);

    public static NpgsqlParameterCollection Value(this NpgsqlParameterCollection parameters, TimeSpan value) => parameters.Typed(value, NpgsqlDbType.Interval);

    public static NpgsqlParameterCollection Value(this NpgsqlParameterCollection parameters, Ulid value) => parameters.Typed(ToUuid(value), NpgsqlDbType.Uuid);

    public static NpgsqlParameterCollection Id(this NpgsqlParameterCollection parameters, Guid value) => parameters.Typed(value, NpgsqlDbType.Uuid);

    public static NpgsqlParameterCollection OptionalId(this NpgsqlParameterCollection parameters, Guid? value) => parameters.Untyped(value, NpgsqlDbType.Uuid);

    public static NpgsqlParameterCollection Value(this NpgsqlParameterCollection parameters, ReadOnlyMemory<byte> value) => parameters.Typed(value, NpgsqlDbType.Bytea);

    public static NpgsqlParameterCollection Optional(this NpgsqlParameterCollection parameters, long? value) => parameters.Untyped(value, NpgsqlDbType.Bigint);

    public static NpgsqlParameterCollection Optional(this NpgsqlParameterCollection parameters, string? value) => parameters.Untyped(value is null ? null : Storable(value), NpgsqlDbType.Text);

    public static NpgsqlParameterCollection Optional(this NpgsqlParameterCollection parameters, Ulid? value) => parameters.Untyped(value is { } id ? ToUuid(id) : null, NpgsqlDbType.Uuid);

    public static NpgsqlParameterCollection Optional(this NpgsqlParameterCollection parameters, IReadOnlyList<string>? values) =>
        parameters.Untyped(values?.Select(Storable).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Text);

    /// <param name="element">Type of one element.</param>
    public static NpgsqlParameterCollection Values<T>(this NpgsqlParameterCollection parameters, IEnumerable<T> values, NpgsqlDbType element) =>
        parameters.Typed<List<T>>([.. values], NpgsqlDbType.Array | element);

    public static NpgsqlParameterCollection Typed<T>(this NpgsqlParameterCollection parameters, T value, NpgsqlDbType type)
    {
        parameters.Add(new NpgsqlParameter<T> { TypedValue = value, NpgsqlDbType = type });
        return parameters;
    }

    private static NpgsqlParameterCollection Untyped(this NpgsqlParameterCollection parameters, object? value, NpgsqlDbType type)
    {
        parameters.Add(new NpgsqlParameter { Value = value ?? DBNull.Value, NpgsqlDbType = type });
        return parameters;
    }

    /// <summary>A ULID's bytes in a type that PostgreSQL compares in one step. Both sort alike.</summary>
    public static Guid ToUuid(Ulid id)
    {
        Span<byte> bytes = stackalloc byte[Ulid.ByteLength];
        id.TryWriteBytes(bytes);
        return new Guid(bytes, bigEndian: true);
    }

    public static Ulid ToUlid(Guid id)
    {
        Span<byte> bytes = stackalloc byte[Ulid.ByteLength];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        return new Ulid(bytes);
    }

    /// <summary>
    /// PostgreSQL's text holds neither U+0000 nor half a surrogate pair, and refuses the whole transaction for one. They become
    /// U+FFFD, so that a strange name costs its sender a strange name and nobody else anything.
    /// </summary>
    public static string Storable(string text)
    {
        if (!text.AsSpan().Contains('\0') && !text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            return text;
        }

        var clean = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            clean.Append(rune.Value == 0 ? "\uFFFD" : rune.ToString());
        }

        return clean.ToString();
    }
}
