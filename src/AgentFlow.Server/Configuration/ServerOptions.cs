using System.Globalization;
using AgentFlow.Engine.Agents;
using AgentFlow.Models.Providers;
using AgentFlow.Server.Features.Access.Limits;
using AgentFlow.Server.Features.Access.Oidc;
using AgentFlow.Server.Features.Access.Tokens;
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

    /// <summary>Where the credentials of the first administrator are written, once. Default: standard error.</summary>
    public TextWriter Credentials { get; init; } = Console.Error;

    /// <summary>
    /// Non-public places that tools may connect to: <c>host:port</c>, <c>address:port</c> or a network. Default: none.
    /// <c>AF_HTTP_ALLOW</c>, comma separated.
    /// </summary>
    public IReadOnlyList<string> HttpAllow { get; init; } = [];

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
        var defaults = new ServerOptions();
        TlsOptions? tls = AccessSettings.Tls(settings, problems);
        ListenAddress usual = tls is null ? defaults.Listen : ((ListenAddress.Tcp)defaults.Listen) with { IsTls = true };
        AccessMode access = AccessOf(settings, problems) ?? defaults.Access;
        bool asked = access == AccessMode.Required;
        ServerOptions options = defaults with
        {
            Store = Database(settings, problems) ?? defaults.Store,
            Mode = ModeOf(settings, problems) ?? defaults.Mode,
            Lease = Time(settings, "AF_LEASE", 1, 3600, problems) ?? defaults.Lease,
            ShutdownTimeout = Time(settings, "AF_DRAIN", 0, 3600, problems) ?? defaults.ShutdownTimeout,
            MaxSteps = Count(settings, "AF_MAX_STEPS", 100_000, problems) ?? defaults.MaxSteps,
            MaxQueued = Count(settings, "AF_MAX_QUEUED", 100_000_000, problems) ?? defaults.MaxQueued,
            Listen = Address(settings, problems) ?? usual,
            Access = access,
            Tokens = AccessSettings.Tokens(settings, problems),
            Oidc = AccessSettings.Oidc(settings, problems),
            Tls = tls,
            CallerRate = AccessSettings.Rate(settings, "AF_API_RATE_LIMIT", asked ? new RateLimit(100, 50) : null, problems),
            TenantRate = AccessSettings.Rate(settings, "AF_API_TENANT_RATE_LIMIT", asked ? new RateLimit(1000, 500) : null, problems),
            HttpAllow = (settings["AF_HTTP_ALLOW"] ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
            LogLevel = Level(settings, problems) ?? defaults.LogLevel,
            Models = ModelsOf(settings, problems) ?? defaults.Models,
            Warnings = settings.Warnings,
        };
        if (options.Mode != ProcessMode.All && !options.Store.IsShared)
        {
            problems.Add($"{settings.Source("AF_MODE")} is '{settings["AF_MODE"]}': control and data processes share a store, and a SQLite file belongs to one process; write all, or AF_DB_DSN=postgres://…");
        }

        AccessSettings.Hold(settings, options, problems);
        if (options.AccessProblem() is { } exposed)
        {
            problems.Add($"{settings.Source("AF_URL")} is '{settings["AF_URL"]}': {exposed}");
        }

        return problems.Count == 0 ? options : throw new OptionsException(problems);
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

    private static AccessMode? AccessOf(Settings settings, List<string> problems)
    {
        switch (settings["AF_ACCESS"])
        {
            case null:
                return null;
            case "open":
                return AccessMode.Open;
            case "required":
                return AccessMode.Required;
            case var access:
                problems.Add($"{settings.Source("AF_ACCESS")} is '{access}': write open (whoever reaches the server may do everything; on this machine only) or required (callers show an API key or a token)");
                return null;
        }
    }

    private static StoreAddress? Database(Settings settings, List<string> problems)
    {
        try
        {
            return settings["AF_DB_DSN"] is { } dsn ? StoreAddress.Parse(dsn) : null;
        }
        catch (FormatException e)
        {
            problems.Add($"{settings.Source("AF_DB_DSN")}: {e.Message}");
            return null;
        }
    }

    private static ProcessMode? ModeOf(Settings settings, List<string> problems)
    {
        switch (settings["AF_MODE"])
        {
            case null:
                return null;
            case "all":
                return ProcessMode.All;
            case "control":
                return ProcessMode.Control;
            case "data":
                return ProcessMode.Data;
            case var mode:
                problems.Add($"{settings.Source("AF_MODE")} is '{mode}': write all, control (serves the API) or data (executes runs)");
                return null;
        }
    }

    /// <summary>Seconds, such as <c>30</c>, <c>2.5</c> or <c>30s</c>.</summary>
    internal static TimeSpan? Time(Settings settings, string name, int least, int most, List<string> problems)
    {
        if (settings[name] is not { } text)
        {
            return null;
        }

        if (double.TryParse(text.EndsWith('s') ? text[..^1] : text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds) && seconds >= least && seconds <= most)
        {
            return TimeSpan.FromSeconds(seconds);
        }

        problems.Add(string.Create(CultureInfo.InvariantCulture, $"{settings.Source(name)} is '{text}': write seconds from {least} to {most}, such as 10 or 2.5s"));
        return null;
    }

    internal static int? Count(Settings settings, string name, int most, List<string> problems)
    {
        if (settings[name] is not { } text)
        {
            return null;
        }

        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count >= 1 && count <= most)
        {
            return count;
        }

        problems.Add(string.Create(CultureInfo.InvariantCulture, $"{settings.Source(name)} is '{text}': write a whole number from 1 to {most}"));
        return null;
    }

    private static ListenAddress? Address(Settings settings, List<string> problems)
    {
        if (settings["AF_URL"] is not { } url)
        {
            return null;
        }

        ListenAddress? address = ListenAddress.Parse(url, out string problem);
        if (address is null)
        {
            problems.Add($"{settings.Source("AF_URL")} is '{url}': {problem}");
        }

        return address;
    }

    private static LogLevel? Level(Settings settings, List<string> problems)
    {
        if (settings["AF_LOG_LEVEL"] is not { } level)
        {
            return null;
        }

        if (Enum.TryParse(level, ignoreCase: true, out LogLevel parsed) && Enum.IsDefined(parsed) && !char.IsDigit(level[0]))
        {
            return parsed;
        }

        problems.Add($"{settings.Source("AF_LOG_LEVEL")} is '{level}': write trace, debug, information, warning, error, critical or none");
        return null;
    }

    private static ModelOptions? ModelsOf(Settings settings, List<string> problems)
    {
        try
        {
            return ModelOptions.FromEnvironment(name => settings[name]);
        }
        catch (FormatException e)
        {
            problems.Add(e.Message);
            return null;
        }
    }
}
