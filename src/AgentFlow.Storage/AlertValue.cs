namespace AgentFlow.Storage;

/// <summary>What an alert saw, as a whole number: every store keeps and compares it alike.</summary>
internal static class AlertValue
{
    private const double Million = 1_000_000;

    // Beyond it a double has no millionths.
    private const double Most = 1e12;

    public static long? ToMillionths(double? value) => value is { } number && !double.IsNaN(number) ? (long)Math.Round(Math.Clamp(number, -Most, Most) * Million) : null;

    public static double? FromMillionths(long? value) => value / Million;
}
