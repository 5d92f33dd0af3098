using AgentFlow.Expressions.Cel.Evaluation;

namespace AgentFlow.Expressions.Cel.Functions;

/// <summary>The encoders extension: base64 with the standard alphabet; padding may be left out when decoding.</summary>
internal static class EncoderExtension
{
    public static IEnumerable<Overload> All { get; } =
    [
        new("base64.encode", CelCallStyle.Function, 1, 1, (ReadOnlySpan<CelValue> arguments, ref Frame frame) =>
            arguments[0].Kind != CelKind.Bytes ? Overload.None
            : frame.TryCharge(arguments[0].RawBytes.Length >> 3) ? CelValue.String(Convert.ToBase64String(arguments[0].RawBytes))
            : Overload.TooExpensive()),
        new("base64.decode", CelCallStyle.Function, 1, 1, (ReadOnlySpan<CelValue> arguments, ref Frame frame) =>
            arguments[0].Kind != CelKind.String ? Overload.None
            : frame.TryCharge(arguments[0].RawString.Length >> 3) ? Decode(arguments[0].RawString)
            : Overload.TooExpensive()),
    ];

    private static CelValue Decode(string text)
    {
        var padded = text.Length % 4 == 0 ? text : text.PadRight((text.Length + 3) / 4 * 4, '=');
        var bytes = new byte[padded.Length / 4 * 3];
        return Convert.TryFromBase64String(padded, bytes, out var length)
            ? CelValue.Bytes(bytes[..length])
            : Overload.Invalid("base64.decode() of text that is no base64");
    }
}
