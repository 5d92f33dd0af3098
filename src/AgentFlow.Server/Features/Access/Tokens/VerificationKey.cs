using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;

namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary>A public key under its name, for the one algorithm that it is for.</summary>
internal sealed class VerificationKey
{
    private const int CoordinateBytes = 32;
    private const int MinRsaBits = 2048;
    private const int MaxRsaBits = 8192;

    // The platform's key objects are not promised to be usable by two threads at once.
    private readonly ConcurrentBag<AsymmetricAlgorithm> _idle = [];
    private readonly Func<AsymmetricAlgorithm> _create;
    private readonly byte[] _publicKey;
    private volatile bool _isWithdrawn;

    private VerificationKey(string id, SignatureAlgorithm algorithm, Func<AsymmetricAlgorithm> create)
    {
        (Id, Algorithm, _create) = (id, algorithm, create);
        AsymmetricAlgorithm first = create();
        _publicKey = first.ExportSubjectPublicKeyInfo();
        _idle.Add(first);
    }

    public string Id { get; }

    public SignatureAlgorithm Algorithm { get; }

    /// <summary>The issuer no longer stands by the key: what it signed is not believed any more, verified before or not.</summary>
    public bool IsWithdrawn => _isWithdrawn;

    public void Withdraw() => _isWithdrawn = true;

    public bool IsSame(VerificationKey other) => Id == other.Id && Algorithm == other.Algorithm && _publicKey.AsSpan().SequenceEqual(other._publicKey);

    /// <exception cref="CryptographicException">It is no point on the curve.</exception>
    public static VerificationKey OfPoint(string id, ECPoint point) =>
        new(id, SignatureAlgorithm.ES256, () => ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = point }));

    /// <summary>
    /// A key of a published set (RFC 7517).
    /// </summary>
    /// <returns><see langword="null"/> when it is for something else: another kind, curve, size, use or algorithm, or nameless.</returns>
    public static VerificationKey? OfJwk(JsonElement jwk)
    {
        if (jwk.ValueKind != JsonValueKind.Object || Text(jwk, "kid") is not { Length: > 0 and <= 200 } id || Text(jwk, "use") is not (null or "sig"))
        {
            return null;
        }

        try
        {
            return (Text(jwk, "kty"), Text(jwk, "alg")) switch
            {
                ("EC", null or "ES256") when Text(jwk, "crv") == "P-256" && Bytes(jwk, "x") is { Length: CoordinateBytes } x && Bytes(jwk, "y") is { Length: CoordinateBytes } y
                    => OfPoint(id, new ECPoint { X = x, Y = y }),
                ("RSA", null or "RS256") when Bytes(jwk, "n") is { } n && Bytes(jwk, "e") is { Length: > 0 and <= 4 } e && IsUsable(n, e)
                    => new VerificationKey(id, SignatureAlgorithm.RS256, () => RSA.Create(new RSAParameters { Modulus = n, Exponent = e })),
                _ => null,
            };
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    /// <summary>Whether the signature is this key's over the bytes. Never throws, whatever the signature is.</summary>
    public bool Verify(ReadOnlySpan<byte> signed, ReadOnlySpan<byte> signature)
    {
        if (!_idle.TryTake(out AsymmetricAlgorithm? key))
        {
            key = _create();
        }

        try
        {
            return key switch
            {
                ECDsa ec => signature.Length == 2 * CoordinateBytes && ec.VerifyData(signed, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation),
                RSA rsa => signature.Length == rsa.KeySize / 8 && rsa.VerifyData(signed, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
                _ => false,
            };
        }
        catch (CryptographicException)
        {
            // Numbers out of range: no signature of any key.
            return false;
        }
        finally
        {
            _idle.Add(key);
        }
    }

    // An even exponent, or 1, is no RSA key: with 1 everybody can sign.
    private static bool IsUsable(byte[] modulus, byte[] exponent) =>
        modulus.Length * 8 is >= MinRsaBits and <= MaxRsaBits && modulus[0] >= 0x80 && (exponent[^1] & 1) == 1 && !(exponent[^1] == 1 && exponent.AsSpan(0, exponent.Length - 1).IndexOfAnyExcept((byte)0) < 0);

    private static string? Text(JsonElement jwk, string name) =>
        jwk.TryGetProperty(name, out JsonElement value) ? value.ValueKind == JsonValueKind.String ? value.GetString() : "" : null;

    private static byte[]? Bytes(JsonElement jwk, string name)
    {
        try
        {
            return Text(jwk, name) is { } text ? Base64Url.DecodeFromChars(text) : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
