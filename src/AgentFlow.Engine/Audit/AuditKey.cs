using System.Security.Cryptography;

namespace AgentFlow.Engine.Audit;

/// <summary>
/// The key that signs checkpoints, and the public keys that are trusted to have signed older ones. Its text is PEM: one private
/// key (ECDSA on P-256) that signs, or none for somebody who only verifies, and any number of public keys.
/// Safe for concurrent use.
/// </summary>
public sealed class AuditKey : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, ECDsa> _trusted;
    private readonly ECDsa? _signer;

    private AuditKey(ECDsa? signer, Dictionary<string, ECDsa> trusted)
    {
        _signer = signer;
        _trusted = trusted;
        Id = signer is null ? "" : IdOf(signer);
    }

    /// <summary>The signing key's id: the first 16 hexadecimal digits of the SHA-256 of its public part (SubjectPublicKeyInfo); empty when there is none.</summary>
    public string Id { get; }

    public bool CanSign => _signer is not null;

    /// <summary>The public part, for whoever verifies elsewhere.</summary>
    public string PublicPem
    {
        get
        {
            lock (_gate)
            {
                return string.Join('\n', _trusted.Values.Select(k => k.ExportSubjectPublicKeyInfoPem()));
            }
        }
    }

    /// <summary>A new private key as PEM (PKCS #8).</summary>
    public static string NewPem()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return key.ExportPkcs8PrivateKeyPem() + "\n";
    }

    /// <exception cref="FormatException">The text is no such PEM; the message never repeats any of it.</exception>
    public static AuditKey Parse(string pem)
    {
        var trusted = new Dictionary<string, ECDsa>(StringComparer.Ordinal);
        ECDsa? signer = null;
        ReadOnlySpan<char> rest = pem;
        while (PemEncoding.TryFind(rest, out PemFields fields))
        {
            string label = rest[fields.Label].ToString();
            var key = ECDsa.Create();
            try
            {
                key.ImportFromPem(rest[fields.Location]);
            }
            catch (Exception e) when (e is ArgumentException or CryptographicException)
            {
                throw new FormatException($"the block '{label}' is no ECDSA key");
            }

            if (key.KeySize != 256 || key.ExportParameters(false).Curve.Oid.Value is not (null or "1.2.840.10045.3.1.7"))
            {
                throw new FormatException($"the block '{label}' holds a key on another curve than P-256");
            }

            if (label.EndsWith("PRIVATE KEY", StringComparison.Ordinal) && signer is not null)
            {
                throw new FormatException("there are two private keys; keep the newest, and the public part (PUBLIC KEY) of the others");
            }

            signer = label.EndsWith("PRIVATE KEY", StringComparison.Ordinal) ? key : signer;
            trusted[IdOf(key)] = key;
            rest = rest[fields.Location.End.Value..];
        }

        return trusted.Count > 0 ? new AuditKey(signer, trusted) : throw new FormatException("there is no PEM block in it");
    }

    /// <exception cref="InvalidOperationException">There is no private key.</exception>
    public AuditCheckpoint Sign(AuditCheckpointKind kind, string tenant, AuditHead head, long at)
    {
        ECDsa signer = _signer ?? throw new InvalidOperationException("A public key signs nothing.");
        var unsigned = new AuditCheckpoint(kind, tenant, head.Size, head.Hash, at, Id, default);
        lock (_gate)
        {
            return unsigned with { Signature = signer.SignData(unsigned.Statement(), HashAlgorithmName.SHA256) };
        }
    }

    /// <summary>Whether one of the trusted keys signed exactly this.</summary>
    public bool IsSigned(AuditCheckpoint checkpoint)
    {
        lock (_gate)
        {
            return _trusted.TryGetValue(checkpoint.Key, out ECDsa? key)
                && checkpoint.Signature.Length == 64
                && key.VerifyData(checkpoint.Statement(), checkpoint.Signature.Span, HashAlgorithmName.SHA256);
        }
    }

    public void Dispose()
    {
        foreach (ECDsa key in _trusted.Values)
        {
            key.Dispose();
        }
    }

    private static string IdOf(ECDsa key) => Convert.ToHexStringLower(SHA256.HashData(key.ExportSubjectPublicKeyInfo()).AsSpan(0, 8));
}
