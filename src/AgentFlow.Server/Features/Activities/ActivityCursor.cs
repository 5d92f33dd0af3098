using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace AgentFlow.Server.Features.Activities;

/// <summary>A place in a tenant's activity: what comes behind it has not been seen.</summary>
/// <param name="Epoch">The lane that counted; another one begins anew, so that a number alone would name another event.</param>
/// <param name="Seq">The last event seen; 0 before the first.</param>
internal readonly record struct ActivityCursor(ulong Epoch, long Seq)
{
    private const int EpochDigits = 16;

    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out ActivityCursor? cursor)
    {
        cursor = null;
        if (text.Length > EpochDigits + 1
            && text[EpochDigits] == '-'
            && ulong.TryParse(text.AsSpan(0, EpochDigits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong epoch)
            && long.TryParse(text.AsSpan(EpochDigits + 1), NumberStyles.None, CultureInfo.InvariantCulture, out long seq)
            && seq < long.MaxValue)
        {
            cursor = new ActivityCursor(epoch, seq);
        }

        return cursor is not null;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Epoch:x16}-{Seq}");
}
