using AgentFlow.Engine.Access;
using AgentFlow.Engine.Agents;
using AgentFlow.Models.Providers;
using AgentFlow.Server.Features.Access.Limits;
using AgentFlow.Server.Features.Access.Oidc;
using AgentFlow.Server.Features.Access.Tokens;
using AgentFlow.Server.Features.Monitoring;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Configuration;

/// <summary>Everything that a server is started with. Immutable; <see cref="From"/> validates it.</summary>
public sealed record ServerOptions
{
    /// <summary>Default: the SQLite file <c>./.af/agentflow.db</c>. <c>AF_DB_DSN</c>.</summary>
    public StoreAddress Store { get; init; } = new StoreAddress.Sqlite(Path.Combine(".af", "agentflow.db"));

    /// <summary>What this process does. Anything but <see cref="ProcessMode.All"/> needs a shared store. <c>AF_MODE</c>.</summary>
    public ProcessMode Mode { get; init; }

    /// <summary>
    /// How long this process may be silent before others on a shared store take its runs over. At least 1 s; default 10 s.
    /// <c>AF_LEASE</c>.
    /// </summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Most calls with effects under way at once. Default 1,024. <c>AF_MAX_STEPS</c>.</summary>
    public int MaxSteps { get; init; } = 1024;

    /// <summary>Runs waiting to be executed from which on new ones are refused with 429. Default 250,000. <c>AF_MAX_QUEUED</c>.</summary>
    public int MaxQueued { get; init; } = 250_000;

    /// <summary>Default <c>http://127.0.0.1:8000</c>. <c>AF_URL</c>.</summary>
    public ListenAddress Listen { get; init; } = new ListenAddress.Tcp(System.Net.IPAddress.Loopback, 8000);

    /// <summary>Whether callers are asked who they are. Anything but a local address needs <see cref="AccessMode.Required"/>. <c>AF_ACCESS</c>.</summary>
    public AccessMode Access { get; init; }

    /// <summary>How long tokens are good for.</summary>
    public TokenOptions Tokens { get; init; } = new();

    /// <summary>The OpenID provider whose access tokens are believed. Default: none.</summary>
    public OidcOptions? Oidc { get; init; }

    /// <summary>The certificates of a server that speaks TLS. Default: none, and it speaks plain HTTP.</summary>
    public TlsOptions? Tls { get; init; }

    /// <summary>
    /// Requests of one caller. Default: none where nobody is asked who they are, otherwise 100 at once and 50 a second.
    /// <c>AF_API_RATE_LIMIT_BURST</c>, <c>AF_API_RATE_LIMIT_SUSTAINED</c>.
    /// </summary>
    public RateLimit? CallerRate { get; init; }

    /// <summary>
    /// Requests of all callers of a tenant. Default: ten times those of one. <c>AF_API_TENANT_RATE_LIMIT_BURST</c>,
    /// <c>AF_API_TENANT_RATE_LIMIT_SUSTAINED</c>.
    /// </summary>
    public RateLimit? TenantRate { get; init; }

    /// <summary>
    /// Requests of one caller to the Agent Bridge, counted apart. Default <see langword="null"/>: counted with all others.
    /// <c>AF_BRIDGE_RATE_LIMIT_BURST</c>, <c>AF_BRIDGE_RATE_LIMIT_SUSTAINED</c>.
    /// </summary>
    public AreaRate? BridgeRate { get; init; }

    /// <summary>
    /// Requests of one caller to the stress tests, counted apart. Default <see langword="null"/>: counted with all others.
    /// <c>AF_STRESS_RATE_LIMIT_BURST</c>, <c>AF_STRESS_RATE_LIMIT_SUSTAINED</c>.
    /// </summary>
    public AreaRate? StressRate { get; init; }

    /// <summary>
    /// What each tenant may have that was given nothing of its own. Default: as much as there is, of everything.
    /// <c>AF_QUOTA_*</c>.
    /// </summary>
    public IReadOnlyDictionary<QuotaKind, long> Quotas { get; init; } = new Dictionary<QuotaKind, long>();

    /// <summary>Where the credentials of the first administrator are written, once. Default: standard error.</summary>
    public TextWriter Credentials { get; init; } = Console.Error;

    /// <summary>
    /// Non-public places that tools may connect to: <c>host:port</c>, <c>address:port</c> or a network. Default: none.
    /// <c>AF_HTTP_ALLOW</c>, comma separated.
    /// </summary>
    public IReadOnlyList<string> HttpAllow { get; init; } = [];

    /// <summary>Origins whose pages may use the API from a browser. Default: localhost's ports 3000 and 5173, where dashboards are built. <c>AF_CORS_ORIGINS</c>.</summary>
    public IReadOnlyList<string> CorsOrigins { get; init; } = ["http://localhost:3000", "http://localhost:5173"];

    /// <summary>How models are reached. <c>AF_MODEL_*</c>, <c>AF_RESIDENCY_*</c> and the providers' own variables.</summary>
    public ModelOptions Models { get; init; } = new();

    /// <summary>Agents written in C#, by the name that workflows give as <c>type</c>. Default: none.</summary>
    public IReadOnlyDictionary<string, Func<CustomAgent>> AgentTypes { get; init; } = new Dictionary<string, Func<CustomAgent>>(StringComparer.Ordinal);

    /// <summary>Least level that is logged, to standard error. Default information. <c>AF_LOG_LEVEL</c>.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>Whether Ctrl+C and SIGTERM stop the server. False for a host that has its own way to end. Default true.</summary>
    public bool HandlesSignals { get; init; } = true;

    /// <summary>Whether this process executes runs unless its mode forbids it; false only accepts, shows and steers them. Default true.</summary>
    public bool Executes { get; init; } = true;

    /// <summary>How long a stopping process waits for answers and steps under way. Default 10 s. <c>AF_DRAIN</c>.</summary>
    public TimeSpan ShutdownTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How the audit is kept. <c>AF_AUDIT*</c>.</summary>
    public AuditSettings Audit { get; init; } = new();

    /// <summary>Where secrets are. <c>AF_SECRETS*</c>, <c>AF_VAULT_*</c>, <c>AF_AZURE_*</c>.</summary>
    public SecretSettings Secrets { get; init; } = new();

    /// <summary>Whom alerts reach. <c>AF_ALERT_*</c>, <c>AF_SMTP_*</c>.</summary>
    public AlertSettings Alerts { get; init; } = new();

    /// <summary>How remote agents are spoken with. <c>AF_BRIDGE_*</c>.</summary>
    public BridgeSettings Bridge { get; init; } = new();

    /// <summary>The time of everything that the server does, its runs and timers included. Default: the machine's.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Where all this was read from. Default: nowhere.</summary>
    public Settings Given { get; init; } = Settings.None;

    /// <summary>Said once at start, for example about misspelt settings.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>Options from the process's environment and <c>agentflow.yml</c>.</summary>
    /// <exception cref="OptionsException">A value is impossible; the message names each with its remedy.</exception>
    public static ServerOptions FromEnvironment() => From(Settings.Load());

    /// <inheritdoc cref="FromEnvironment"/>
    public static ServerOptions From(Settings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var problems = new List<string>();
        var read = new SettingReader(settings, problems);
        var defaults = new ServerOptions();
        TlsOptions? tls = AccessSettings.Tls(read);
        ListenAddress usual = tls is null ? defaults.Listen : ((ListenAddress.Tcp)defaults.Listen) with { IsTls = true };
        AccessMode access = read.Text("AF_ACCESS") is { } mode ? Enum.Parse<AccessMode>(mode, ignoreCase: true) : defaults.Access;
        bool asked = access == AccessMode.Required;
        ServerOptions options = defaults with
        {
            Given = settings,
            Store = read.Text("AF_DB_DSN") is { } dsn ? StoreAddress.Parse(dsn) : defaults.Store,
            Mode = read.Text("AF_MODE") is { } does ? Enum.Parse<ProcessMode>(does, ignoreCase: true) : defaults.Mode,
            Lease = read.Seconds("AF_LEASE") ?? defaults.Lease,
            ShutdownTimeout = read.Seconds("AF_DRAIN") ?? defaults.ShutdownTimeout,
            MaxSteps = read.Count("AF_MAX_STEPS") ?? defaults.MaxSteps,
            MaxQueued = read.Count("AF_MAX_QUEUED") ?? defaults.MaxQueued,
            Listen = read.Text("AF_URL") is { } url ? ListenAddress.Parse(url, out _)! : usual,
            Access = access,
            Tokens = AccessSettings.Tokens(read),
            Oidc = AccessSettings.Oidc(read),
            Tls = tls,
            CallerRate = AccessSettings.Rate(read, "AF_API_RATE_LIMIT_BURST", "AF_API_RATE_LIMIT_SUSTAINED", asked ? new RateLimit(100, 50) : null),
            TenantRate = AccessSettings.Rate(read, "AF_API_TENANT_RATE_LIMIT_BURST", "AF_API_TENANT_RATE_LIMIT_SUSTAINED", asked ? new RateLimit(1000, 500) : null),
            BridgeRate = AccessSettings.AreaRate(read, "AF_BRIDGE_RATE_LIMIT_BURST", "AF_BRIDGE_RATE_LIMIT_SUSTAINED"),
            StressRate = AccessSettings.AreaRate(read, "AF_STRESS_RATE_LIMIT_BURST", "AF_STRESS_RATE_LIMIT_SUSTAINED"),
            Quotas = QuotaSettings.From(read),
            HttpAllow = read.List("AF_HTTP_ALLOW") ?? defaults.HttpAllow,
            CorsOrigins = read.List("AF_CORS_ORIGINS") is { } origins ? [.. origins.Where(o => o != "off")] : defaults.CorsOrigins,
            LogLevel = read.Text("AF_LOG_LEVEL") is { } level ? Enum.Parse<LogLevel>(level, ignoreCase: true) : defaults.LogLevel,
            Models = ModelsOf(settings, read, problems) ?? defaults.Models,
            Audit = AuditSettings.From(read),
            Secrets = SecretSettings.From(settings, read),
            Alerts = AlertSettings.From(settings, read),
            Bridge = BridgeSettings.From(read),
            Warnings = settings.Warnings,
        };
        foreach (Setting overridable in SettingSchema.All.Where(o => o.Scope != SettingScope.Deployment))
        {
            read.Text(overridable.Name);
        }

        if (options.Mode != ProcessMode.All && !options.Store.IsShared)
        {
            problems.Add($"{settings.Source("AF_MODE")} is '{settings["AF_MODE"]}': control and data processes share a store, and a SQLite file belongs to one process; write all, or AF_DB_DSN=postgres://…");
        }

        AccessSettings.Hold(read, options);
        if (options.AccessProblem() is { } exposed)
        {
            problems.Add($"{settings.Source("AF_URL")} is '{settings["AF_URL"]}': {exposed}");
        }

        return problems.Count == 0 ? options : throw new OptionsException([.. problems.Distinct()]);
    }

    /// <summary>Says why a server with these options would let strangers in; <see langword="null"/> when it would not.</summary>
    public string? AccessProblem() => Access == AccessMode.Open && !Listen.IsLocal
        ? "only this machine may reach a server that does not ask who is calling: listen on http://127.0.0.1:PORT, or set AF_ACCESS=required"
        : null;

    /// <summary>Says why a server with these options could not speak as its address says; <see langword="null"/> when it could.</summary>
    internal string? TlsProblem() => (Listen, Tls) switch
    {
        (ListenAddress.Tcp { IsTls: true }, null) => "https:// needs a certificate: set AF_TLS_CERT and AF_TLS_KEY, or write http://",
        (ListenAddress.Tcp { IsTls: false }, not null) => "there is a certificate for plain HTTP: write https://, or leave AF_TLS_CERT out",
        (ListenAddress.Unix, not null) => "there is a certificate for a Unix socket, which needs none: leave AF_TLS_CERT out",
        _ => null,
    };

    private static ModelOptions? ModelsOf(Settings settings, SettingReader read, List<string> problems)
    {
        int before = problems.Count;
        foreach (string name in new[] { "AF_RESIDENCY_POLICY", "AF_MODEL_TIMEOUT" })
        {
            read.Text(name);
        }

        try
        {
            return problems.Count == before ? ModelOptions.FromEnvironment(name => settings[name]) : null;
        }
        catch (FormatException e)
        {
            problems.Add(e.Message);
            return null;
        }
    }
}
