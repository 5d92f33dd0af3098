using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Server.Tests;

/// <summary>TLS and mutual TLS with real certificates over real sockets.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("agentflow-tls-").FullName;
    private readonly X509Certificate2 _authority = Authority("AgentFlow tests");

    public void Dispose()
    {
        _authority.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string PathOf(string name) => Path.Combine(_folder, name);

    private TlsOptions Options(bool asksClients = false) => new() { Certificate = PathOf("server.pem"), Key = PathOf("server.key"), ClientAuthority = asksClients ? PathOf("clients.pem") : null };

    private static X509Certificate2 Authority(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
    }

    private static X509Certificate2 Leaf(X509Certificate2 authority, string name, string purpose, int hours = 1)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(purpose)], true));
        using X509Certificate2 signed = request.Create(authority, DateTimeOffset.UtcNow.AddMinutes(-30), DateTimeOffset.UtcNow.AddMinutes((60 * hours) - 5), RandomNumberGenerator.GetBytes(8));
        return signed.CopyWithPrivateKey(key);
    }

    private static X509Certificate2 Client(X509Certificate2 authority, int hours = 1) => Leaf(authority, "client", "1.3.6.1.5.5.7.3.2", hours);

    private void WriteServer(string name)
    {
        using X509Certificate2 certificate = Leaf(_authority, name, "1.3.6.1.5.5.7.3.1");
        File.WriteAllText(PathOf("server.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(PathOf("server.key"), certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
    }

    private Task<RunningServer> StartAsync(bool asksClients = false)
    {
        WriteServer("first");
        if (asksClients)
        {
            File.WriteAllText(PathOf("clients.pem"), _authority.ExportCertificatePem());
        }

        return RunningServer.StartAsync(o => o with { Listen = new ListenAddress.Tcp(IPAddress.Loopback, 0, IsTls: true), Tls = Options(asksClients) });
    }

    /// <summary>Asks for the server's health on a new connection.</summary>
    /// <returns>The answer's first line, and the name of the certificate that the server showed.</returns>
    private static async Task<(string Status, string Server)> AskAsync(RunningServer server, X509Certificate2? client = null, SslProtocols protocols = SslProtocols.None)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, server.Address.Port);
        await using var tls = new SslStream(socket.GetStream());
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "127.0.0.1",
            EnabledSslProtocols = protocols,
            ClientCertificateContext = client is null ? null : SslStreamCertificateContext.Create(client, null, offline: true),
            RemoteCertificateValidationCallback = static (_, shown, _, _) => shown?.Issuer == "CN=AgentFlow tests",
        });
        await tls.WriteAsync(Encoding.ASCII.GetBytes($"GET /healthz HTTP/1.1\r\nHost: {server.Address.Authority}\r\nConnection: close\r\n\r\n"));
        using var reader = new StreamReader(tls);
        string status = (await reader.ReadLineAsync())?.Split(' ')[1] ?? "none";
        return (status, ((X509Certificate2)tls.RemoteCertificate!).GetNameInfo(X509NameType.SimpleName, false));
    }

    private static async Task<bool> GetsInAsync(RunningServer server, X509Certificate2? client)
    {
        try
        {
            return (await AskAsync(server, client)).Status == "200";
        }
        catch (Exception e) when (e is AuthenticationException or IOException)
        {
            return false;
        }
    }

    [Fact]
    public async Task Server_WithACertificate_SpeaksTlsThatClientsTrust()
    {
        await using RunningServer server = await StartAsync();
        Assert.Equal("https", server.Address.Scheme);
        using var trusting = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, CustomTrustStore = { _authority }, RevocationMode = X509RevocationMode.NoCheck },
            },
        });
        Assert.Contains("alive", await trusting.GetStringAsync(new Uri(server.Address, "/healthz")));
        await Assert.ThrowsAsync<HttpRequestException>(() => server.Http.GetAsync("/healthz"));
        Assert.Equal(("200", "first"), await AskAsync(server, protocols: SslProtocols.Tls12));
        using var plain = new HttpClient();
        await Assert.ThrowsAsync<HttpRequestException>(() => plain.GetAsync(new UriBuilder(server.Address) { Scheme = "http", Path = "/healthz" }.Uri));
    }

    [Fact]
    public async Task Certificate_Replaced_IsShownToTheNextConnection()
    {
        await using RunningServer server = await StartAsync();
        Assert.Equal(("200", "first"), await AskAsync(server));
        // Half a file, as somebody writes it.
        await File.WriteAllTextAsync(PathOf("server.pem"), "-----BEGIN CERTIFICATE-----\nMIIB");
        for (long begun = Environment.TickCount64; Environment.TickCount64 - begun < 1500;)
        {
            Assert.Equal(("200", "first"), await AskAsync(server));
        }

        WriteServer("second");
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while ((await AskAsync(server)).Server != "second")
        {
            await Task.Delay(100, limit.Token);
        }
    }

    [Fact]
    public async Task ClientAuthority_LetsInWhomItSignedAndNobodyElse()
    {
        await using RunningServer server = await StartAsync(asksClients: true);
        using X509Certificate2 good = Client(_authority);
        using X509Certificate2 expired = Client(_authority, hours: 0);
        using X509Certificate2 notForClients = Leaf(_authority, "client", "1.3.6.1.5.5.7.3.1");
        using X509Certificate2 stranger = Authority("AgentFlow tests");
        using X509Certificate2 forged = Client(stranger);
        Assert.Equal(
            (true, false, false, false, false, false),
            (await GetsInAsync(server, good), await GetsInAsync(server, null), await GetsInAsync(server, expired), await GetsInAsync(server, notForClients), await GetsInAsync(server, forged), await GetsInAsync(server, stranger)));
        Assert.True(await GetsInAsync(server, good));
    }

    [Fact]
    public async Task Start_WithFilesThatDoNotFit_SaysWhich()
    {
        WriteServer("first");
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await File.WriteAllTextAsync(PathOf("server.key"), other.ExportPkcs8PrivateKeyPem());
        OptionsException wrong = await Assert.ThrowsAsync<OptionsException>(() => RunningServer.StartAsync(o => o with { Listen = new ListenAddress.Tcp(IPAddress.Loopback, 0, IsTls: true), Tls = Options() }));
        Assert.Contains("server.key", wrong.Message);
        OptionsException plain = await Assert.ThrowsAsync<OptionsException>(() => RunningServer.StartAsync(o => o with { Tls = Options() }));
        Assert.Contains("https://", plain.Message);
        OptionsException missing = await Assert.ThrowsAsync<OptionsException>(() => RunningServer.StartAsync(o => o with { Listen = new ListenAddress.Tcp(IPAddress.Loopback, 0, IsTls: true) }));
        Assert.Contains("AF_TLS_CERT", missing.Message);
    }
}
