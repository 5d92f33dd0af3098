namespace AgentFlow.Engine.Secrets;

/// <summary>
/// <c>secret://NAME</c> or <c>secret://NAME#FIELD</c>: where a secret stands in a definition. Name and field are made of 1 to 64
/// letters, digits, <c>-</c> and <c>_</c>; the reference ends where they do, so that it can stand inside of longer text.
/// </summary>
/// <param name="Field">One of a secret's fields; empty for a secret that is one text.</param>
public readonly record struct SecretReference(string Name, string Field)
{
    public const string Scheme = "secret://";
    public const int MaxLength = 64;

    public override string ToString() => Field.Length == 0 ? Scheme + Name : $"{Scheme}{Name}#{Field}";

    public static bool IsName(ReadOnlySpan<char> text) => text.Length is > 0 and <= MaxLength && Length(text) == text.Length;

    /// <summary>The next reference at or behind an offset.</summary>
    /// <param name="start">Where the scheme stands; -1 when there is none.</param>
    /// <param name="length">The whole reference's length.</param>
    /// <returns>False at the scheme of something that is no reference, and at the end.</returns>
    public static bool TryFind(string text, int from, out SecretReference reference, out int start, out int length)
    {
        reference = default;
        length = Scheme.Length;
        start = text.IndexOf(Scheme, from, StringComparison.Ordinal);
        if (start < 0)
        {
            return false;
        }

        ReadOnlySpan<char> rest = text.AsSpan(start + Scheme.Length);
        int name = Length(rest);
        if (name is 0 or > MaxLength)
        {
            return false;
        }

        int field = name < rest.Length && rest[name] == '#' ? Length(rest[(name + 1)..]) : 0;
        if (field > MaxLength)
        {
            return false;
        }

        reference = new SecretReference(rest[..name].ToString(), field == 0 ? "" : rest.Slice(name + 1, field).ToString());
        length += name + (field == 0 ? 0 : field + 1);
        return true;
    }

    /// <summary>All references in a text.</summary>
    public static IEnumerable<SecretReference> In(string text)
    {
        int at = 0;
        while (at < text.Length)
        {
            bool found = TryFind(text, at, out SecretReference reference, out int start, out int length);
            if (start < 0)
            {
                yield break;
            }

            if (found)
            {
                yield return reference;
            }

            at = start + length;
        }
    }

    /// <summary>The text with the references that have a value replaced by it.</summary>
    public static string Replace(string text, IReadOnlyDictionary<SecretReference, string> values)
    {
        System.Text.StringBuilder? filled = null;
        int copied = 0;
        int at = 0;
        while (at < text.Length)
        {
            bool found = TryFind(text, at, out SecretReference reference, out int start, out int length);
            if (start < 0)
            {
                break;
            }

            if (found && values.TryGetValue(reference, out string? value))
            {
                filled ??= new System.Text.StringBuilder();
                filled.Append(text, copied, start - copied).Append(value);
                copied = start + length;
            }

            at = start + length;
        }

        return filled?.Append(text, copied, text.Length - copied).ToString() ?? text;
    }

    private static int Length(ReadOnlySpan<char> text)
    {
        int length = 0;
        while (length < text.Length && (char.IsAsciiLetterOrDigit(text[length]) || text[length] is '-' or '_'))
        {
            length++;
        }

        return length;
    }
}
