using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AgentFlow.Server.Configuration;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server;

/// <summary>
/// The certificates of a server that speaks TLS. Each handshake uses the files as they are, looked at no more than once a
/// second; files that cannot be read, because somebody is just writing them, leave what was read before in force.
/// </summary>
internal sealed partial class TlsCertificates
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(1);
    private static readonly Oid ClientAuthentication = new("1.3.6.1.5.5.7.3.2");

    private readonly TlsOptions _options;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly Lock _gate = new();
    private volatile SslServerAuthenticationOptions _current;
    private string _stamp;
    private long _lookedAt;

    /// <exception cref="OptionsException">A file cannot be read, or the key is another certificate's.</exception>
    public TlsCertificates(TlsOptions options, TimeProvider clock, ILogger log)
    {
        (_options, _clock, _log) = (options, clock, log);
        _lookedAt = clock.GetTimestamp();
        _stamp = Stamp();
        try
        {
            _current = Read();
        }
        catch (Exception e) when (IsUnreadable(e))
        {
            throw new OptionsException([$"AF_TLS_CERT '{options.Certificate}', AF_TLS_KEY '{options.Key}'{(options.ClientAuthority is { } ca ? $", AF_TLS_CLIENT_CA '{ca}'" : "")}: {e.Message} Write PEM files: the certificate with its intermediates, its key without a password"]);
        }
    }

    /// <summary>What the next handshake is done with.</summary>
    public SslServerAuthenticationOptions Current
    {
        get
        {
            lock (_gate)
            {
                if (_clock.GetElapsedTime(_lookedAt) >= LookAgain)
                {
                    _lookedAt = _clock.GetTimestamp();
                    Look();
                }
            }

            return _current;
        }
    }

    private void Look()
    {
        try
        {
            string stamp = Stamp();
            if (stamp != _stamp)
            {
                _current = Read();
                _stamp = stamp;
                Replaced(_log, _options.Certificate);
            }
        }
        catch (Exception e) when (IsUnreadable(e))
        {
            NotReplaced(_log, _options.Certificate, e.Message);
        }
    }

    private SslServerAuthenticationOptions Read()
    {
        var certificate = X509Certificate2.CreateFromPemFile(_options.Certificate, _options.Key);
        var chain = new X509Certificate2Collection();
        chain.ImportFromPemFile(_options.Certificate);
        var options = new SslServerAuthenticationOptions
        {
            // Offline: a handshake must not wait for somebody else's server.
            ServerCertificateContext = SslStreamCertificateContext.Create(certificate, chain, offline: true),
            EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        };
        if (_options.ClientAuthority is { } path)
        {
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPemFile(path);
            if (authorities.Count == 0)
            {
                throw new CryptographicException($"There is no certificate in '{path}'.");
            }

            options.ClientCertificateRequired = true;
            options.RemoteCertificateValidationCallback = (_, shown, sent, _) => shown is X509Certificate2 client && IsSigned(client, sent, authorities);
        }

        return options;
    }

    private static bool IsSigned(X509Certificate2 client, X509Chain? sent, X509Certificate2Collection authorities)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.DisableCertificateDownloads = true;
        // No list of revoked certificates is configured; taking one away means taking its authority away.
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(ClientAuthentication);
        if (sent is not null)
        {
            chain.ChainPolicy.ExtraStore.AddRange(sent.ChainPolicy.ExtraStore);
        }

        return chain.Build(client);
    }

    private string Stamp() => string.Join('|', ((string?[])[_options.Certificate, _options.Key, _options.ClientAuthority]).OfType<string>().Select(static path =>
    {
        var file = new FileInfo(path);
        return file.Exists ? $"{file.LastWriteTimeUtc.Ticks} {file.Length}" : "";
    }));

    private static bool IsUnreadable(Exception e) => e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException;

    [LoggerMessage(1, LogLevel.Information, "New connections use the certificate that is in {Path} now")]
    private static partial void Replaced(ILogger logger, string path);

    [LoggerMessage(2, LogLevel.Warning, "The certificate in {Path} has changed and cannot be used; the one before is. {Reason}")]
    private static partial void NotReplaced(ILogger logger, string path, string reason);
}
