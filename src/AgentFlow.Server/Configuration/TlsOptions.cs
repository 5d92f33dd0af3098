namespace AgentFlow.Server.Configuration;

/// <summary>The files of a server that speaks TLS. They are read again when they change.</summary>
public sealed record TlsOptions
{
    /// <summary>The server's certificate and the intermediate ones after it, PEM. <c>AF_TLS_CERT</c>.</summary>
    public required string Certificate { get; init; }

    /// <summary>The certificate's private key, PEM without a password. <c>AF_TLS_KEY</c>.</summary>
    public required string Key { get; init; }

    /// <summary>
    /// Certificates, PEM, one of which must have signed the certificate that a client shows; without one no client gets in.
    /// Default: clients show none. <c>AF_TLS_CLIENT_CA</c>.
    /// </summary>
    public string? ClientAuthority { get; init; }
}
