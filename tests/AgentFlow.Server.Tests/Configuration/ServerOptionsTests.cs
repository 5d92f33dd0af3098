using System.Net;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Features.Access.Limits;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Tests.Configuration;

public sealed class ServerOptionsTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("agentflow-options-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void From_Nothing_IsTheDocumentedDefault()
    {
        ServerOptions options = From();
        Assert.Equal(new StoreAddress.Sqlite(Path.Combine(".af", "agentflow.db")), options.Store);
        Assert.Equal("http://127.0.0.1:8000", options.Listen.ToString());
        Assert.Equal(LogLevel.Information, options.LogLevel);
        Assert.Empty(options.HttpAllow);
        Assert.Empty(options.Warnings);
    }

    [Fact]
    public void From_Environment_GoesBeforeTheFile()
    {
        File.WriteAllText(Path.Combine(_directory, "agentflow.yml"), """
            url: http://127.0.0.1:9001
            db_dsn: sqlite:/data/from-file.db
            http_allow: [localhost:8080, 10.0.0.0/8]
            log_level: warning
            residency_policy: strict
            """);
        ServerOptions options = From(("AF_URL", "http://127.0.0.1:9002"), ("AF_LOG_LEVEL", ""));
        Assert.Equal("http://127.0.0.1:9002", options.Listen.ToString());
        Assert.Equal(new StoreAddress.Sqlite("/data/from-file.db"), options.Store);
        Assert.Equal(["localhost:8080", "10.0.0.0/8"], options.HttpAllow);
        Assert.Equal(LogLevel.Warning, options.LogLevel);
        Assert.Equal(AgentFlow.Models.Providers.Residency.Strict, options.Models.Residency);
    }

    [Theory]
    [InlineData("AF_DB_DSN", "sqlite:a.db", "a.db")]
    [InlineData("AF_DB_DSN", "sqlite:/abs/a.db", "/abs/a.db")]
    [InlineData("AF_DB_DSN", "sqlite:///abs/a.db", "/abs/a.db")]
    public void From_Dsn_NamesTheFile(string name, string value, string path) => Assert.Equal(new StoreAddress.Sqlite(path), From((name, value)).Store);

    [Fact]
    public void From_Access_ReadsTokensOidcRatesAndTls()
    {
        string pem = Path.Combine(_directory, "server.pem");
        File.WriteAllText(pem, "");
        ServerOptions options = From(
            ("AF_ACCESS", "required"), ("AF_URL", "https://0.0.0.0:8443"), ("AF_TLS_CERT", pem), ("AF_TLS_KEY", pem), ("AF_TLS_CLIENT_CA", pem),
            ("AF_TOKEN_LIFETIME", "60s"), ("AF_REFRESH_LIFETIME", "3600"), ("AF_KEY_ROTATION", "7200"),
            ("AF_OIDC_ISSUER", "https://login.example.com"), ("AF_OIDC_AUDIENCE", "us"), ("AF_OIDC_TENANT_CLAIM", "org"), ("AF_OIDC_ROLES_CLAIM", "/realm/roles"), ("AF_OIDC_ROLE_MAP", "staff=operator, https://x/=admin"),
            ("AF_API_RATE_LIMIT_BURST", "7"), ("AF_API_RATE_LIMIT_SUSTAINED", "120/m"), ("AF_API_TENANT_RATE_LIMIT_SUSTAINED", "off"));
        Assert.Equal("https://0.0.0.0:8443", options.Listen.ToString());
        Assert.Equal((pem, pem, pem), (options.Tls!.Certificate, options.Tls.Key, options.Tls.ClientAuthority));
        Assert.Equal((60, 3600, 7200), (options.Tokens.Lifetime.TotalSeconds, options.Tokens.RefreshLifetime.TotalSeconds, options.Tokens.KeyRotation.TotalSeconds));
        Assert.Equal(("https://login.example.com", "us", "org", "/realm/roles"), (options.Oidc!.Issuer, options.Oidc.Audience, options.Oidc.TenantClaim, options.Oidc.RolesClaim));
        Assert.Equal([("staff", "operator"), ("https://x/", "admin")], options.Oidc.RoleMap.Select(m => (m.Key, m.Value)));
        Assert.Equal((new RateLimit(7, 2), null), (options.CallerRate, options.TenantRate));
    }

    [Fact]
    public void From_Rates_AreOffInOpenModeAndAsDocumentedOtherwise()
    {
        Assert.Equal((null, null), (From().CallerRate, From().TenantRate));
        Assert.Equal(new RateLimit(30, 15), From(("AF_API_RATE_LIMIT_BURST", "30")).CallerRate);
        ServerOptions required = From(("AF_ACCESS", "required"));
        Assert.Equal((new RateLimit(100, 50), new RateLimit(1000, 500)), (required.CallerRate, required.TenantRate));
    }

    [Theory]
    [InlineData("AF_API_RATE_LIMIT_SUSTAINED", "fast", "50/s")]
    [InlineData("AF_API_RATE_LIMIT_BURST", "0", "1 to")]
    [InlineData("AF_TOKEN_LIFETIME", "5h", "30 to 3600")]
    [InlineData("AF_OIDC_ISSUER", "http://login.example.com", "neither https")]
    [InlineData("AF_OIDC_ISSUER", "login.example.com", "absolute")]
    [InlineData("AF_OIDC_AUDIENCE", "x", "AF_OIDC_ISSUER")]
    [InlineData("AF_TLS_CERT", "/nowhere.pem", "no such file")]
    [InlineData("AF_TLS_KEY", "/dev/null", "go together")]
    [InlineData("AF_URL", "https://127.0.0.1:1", "AF_TLS_CERT")]
    public void From_AccessSettingThatCannotBe_SaysWhatToWrite(string name, string value, string remedy)
    {
        string message = Assert.Throws<OptionsException>(() => From((name, value))).Message;
        Assert.Contains(name, message);
        Assert.Contains(remedy, message);
    }

    [Fact]
    public void From_SharedStore_TakesEveryMode()
    {
        ServerOptions options = From(("AF_DB_DSN", "postgres://me:secret@db.example:5433/agents"), ("AF_MODE", "data"), ("AF_LEASE", "2.5s"), ("AF_MAX_STEPS", "64"));
        Assert.Equal((ProcessMode.Data, TimeSpan.FromSeconds(2.5), 64), (options.Mode, options.Lease, options.MaxSteps));
        Assert.Equal("postgres://me@db.example:5433/agents", options.Store.ToString());
    }

    [Theory]
    [InlineData("AF_DB_DSN", "mysql://me:secret@host/db", "postgres://")]
    [InlineData("AF_DB_DSN", "postgres://me:secret@:5432/", "names no host")]
    [InlineData("AF_DB_DSN", "postgres://me:secret@host/db?sslmod=require", "sslmod")]
    [InlineData("AF_DB_DSN", "sqlite:", "sqlite:")]
    [InlineData("AF_URL", "http://0.0.0.0:8000", "only this machine")]
    [InlineData("AF_URL", "http://192.168.1.5:8000", "only this machine")]
    [InlineData("AF_URL", "http://example.com", "not on a name")]
    [InlineData("AF_URL", "https://127.0.0.1:8000", "AF_TLS_KEY")]
    [InlineData("AF_URL", "http://127.0.0.1:8000/api", "write http://127.0.0.1:8000")]
    [InlineData("AF_URL", "8000", "write http://127.0.0.1:8000")]
    [InlineData("AF_URL", "unix:", "1 to 107 bytes")]
    [InlineData("AF_MODE", "control", "AF_DB_DSN=postgres://")]
    [InlineData("AF_MODE", "data", "AF_DB_DSN=postgres://")]
    [InlineData("AF_MODE", "worker", "all, control")]
    [InlineData("AF_LEASE", "0.5", "1 to 3600")]
    [InlineData("AF_LEASE", "10m", "1 to 3600")]
    [InlineData("AF_DRAIN", "-1", "0 to 3600")]
    [InlineData("AF_MAX_STEPS", "0", "1 to 100000")]
    [InlineData("AF_MAX_QUEUED", "many", "whole number")]
    [InlineData("AF_ACCESS", "maybe", "required")]
    [InlineData("AF_LOG_LEVEL", "loud", "information")]
    [InlineData("AF_LOG_LEVEL", "3", "information")]
    [InlineData("AF_RESIDENCY_POLICY", "maybe", "strict")]
    public void From_ImpossibleValue_NamesItAndTheFix(string name, string value, string fix)
    {
        var e = Assert.Throws<OptionsException>(() => From((name, value)));
        string problem = Assert.Single(e.Problems);
        Assert.Contains(name, problem);
        Assert.Contains(fix, problem);
        Assert.DoesNotContain("secret", e.Message);
    }

    [Fact]
    public void From_SeveralProblems_AreListedTogether() =>
        Assert.Equal(3, Assert.Throws<OptionsException>(() => From(("AF_URL", "x"), ("AF_MODE", "data"), ("AF_LOG_LEVEL", "x"))).Problems.Count);

    [Theory]
    [InlineData("AF_DB_DNS", "did you mean 'AF_DB_DSN'")]
    [InlineData("AF_MODEL_BACKEND", "did you mean 'AF_MODEL_BACKENDS'")]
    [InlineData("AF_NATS_URL", "not a setting")]
    public void From_UnknownVariable_Warns(string name, string words)
    {
        string warning = Assert.Single(From((name, "x")).Warnings);
        Assert.Contains(name, warning);
        Assert.Contains(words, warning);
    }

    [Fact]
    public void From_KnownFamilies_DoNotWarn() =>
        Assert.Empty(From(("AF_ENV_REGION", "eu"), ("AF_MODEL_DEFAULT_OPENAI", "gpt"), ("AF_SERVER", "http://127.0.0.1:1"), ("AF_TENANT", "a")).Warnings);

    [Theory]
    [InlineData("ulr: x", "did you mean 'url'")]
    [InlineData("config: other.yml", "not a setting")]
    public void From_UnknownKeyInTheFile_WarnsWithItsPlace(string line, string words)
    {
        File.WriteAllText(Path.Combine(_directory, "agentflow.yml"), "# settings\n" + line + "\n");
        string warning = Assert.Single(From().Warnings);
        Assert.Contains("agentflow.yml:2:1", warning);
        Assert.Contains(words, warning);
    }

    [Theory]
    [InlineData("url: [1, [2]]", "agentflow.yml:1:1")]
    [InlineData("url: {a: b}", "agentflow.yml:1:1")]
    [InlineData("- url", "must hold settings")]
    [InlineData("url: 'x", "cannot be read")]
    public void From_MalformedFile_Fails(string content, string words)
    {
        File.WriteAllText(Path.Combine(_directory, "agentflow.yml"), content);
        Assert.Contains(words, Assert.Throws<OptionsException>(() => From()).Message);
    }

    [Fact]
    public void From_NamedFileThatIsMissing_Fails() =>
        Assert.Contains("does not exist", Assert.Throws<OptionsException>(() => From(("AF_CONFIG", "nowhere.yml"))).Message);

    [Fact]
    public void From_NamedFile_IsRead()
    {
        File.WriteAllText(Path.Combine(_directory, "other.yml"), "url: unix:/tmp/x.sock");
        Assert.Equal(new ListenAddress.Unix("/tmp/x.sock"), From(("AF_CONFIG", "other.yml")).Listen);
    }

    [Theory]
    [InlineData("http://localhost:81", "127.0.0.1", 81)]
    [InlineData("http://127.0.0.1", "127.0.0.1", 80)]
    [InlineData("http://127.5.0.1:0", "127.5.0.1", 0)]
    [InlineData("http://[::1]:8000", "::1", 8000)]
    public void Listen_Loopback_IsTaken(string url, string address, int port) =>
        Assert.Equal(new ListenAddress.Tcp(IPAddress.Parse(address), port), ListenAddress.Parse(url, out _));

    private ServerOptions From(params (string Name, string Value)[] environment)
    {
        var variables = environment.ToDictionary(v => v.Name, v => v.Value, StringComparer.Ordinal);
        return ServerOptions.From(Settings.Load(n => variables.GetValueOrDefault(n), variables.Keys, _directory));
    }
}
