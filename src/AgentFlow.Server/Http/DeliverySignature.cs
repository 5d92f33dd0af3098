using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AgentFlow.Server.Http;

/// <summary>
/// When a delivery was signed, and how: <c>t=SECONDS,v1=HEX</c>, the HMAC-SHA256 over <c>SECONDS.BODY</c>, or over
/// <c>SECONDS.DELIVERY.BODY</c> of a delivery with an id. Of what is sent to subscribers and of what webhooks get.
/// </summary>
internal sealed record DeliverySignature
{
    public const string Header = "X-AgentFlow-Signature";

    private static readonly SearchValues<char> LowerHex = SearchValues.Create("0123456789abcdef");
    private static readonly long LastSecond = DateTimeOffset.MaxValue.ToUnixTimeSeconds();

    private DeliverySignature(long seconds, string text, string hex) => (At, Seconds, Hex) = (DateTimeOffset.FromUnixTimeSeconds(seconds), text, hex);

    public DateTimeOffset At { get; }

    /// <summary>64 lower-case digits.</summary>
    public string Hex { get; }

    /// <summary>As it was written: that is what was signed.</summary>
    private string Seconds { get; }

    public static DeliverySignature Of(string secret, DateTimeOffset at, ReadOnlySpan<byte> body)
    {
        string seconds = at.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        return new DeliverySignature(at.ToUnixTimeSeconds(), seconds, Convert.ToHexStringLower(Hash(secret, seconds, null, body)));
    }

    /// <returns><see langword="null"/> for anything else.</returns>
    public static DeliverySignature? Parse(string? header)
    {
        string[] parts = header?.Split(',') ?? [];
        return parts.Length == 2
            && parts[0].StartsWith("t=", StringComparison.Ordinal)
            && parts[1].StartsWith("v1=", StringComparison.Ordinal)
            && long.TryParse(parts[0].AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out long seconds)
            && seconds <= LastSecond
            && parts[1].Length == 3 + (2 * HMACSHA256.HashSizeInBytes)
            && !parts[1].AsSpan(3).ContainsAnyExcept(LowerHex)
            ? new DeliverySignature(seconds, parts[0][2..], parts[1][3..])
            : null;
    }

    /// <summary>Whether the secret signed this delivery; takes as long for a wrong one.</summary>
    public bool IsOf(string secret, string? delivery, ReadOnlySpan<byte> body) => CryptographicOperations.FixedTimeEquals(Hash(secret, Seconds, delivery, body), Convert.FromHexString(Hex));

    public override string ToString() => $"t={Seconds},v1={Hex}";

    private static byte[] Hash(string secret, string seconds, string? delivery, ReadOnlySpan<byte> body)
    {
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(secret));
        hash.AppendData(Encoding.UTF8.GetBytes(delivery is null ? $"{seconds}." : $"{seconds}.{delivery}."));
        hash.AppendData(body);
        return hash.GetHashAndReset();
    }
}
