using AgentFlow.Engine.Agents;
using AgentFlow.Models.Providers;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Configuration;

/// <summary>Everything that a server is started with. Immutable; <see cref="From"/> validates it.</summary>
public sealed record ServerOptions
{
    private const string SqlitePrefix = "sqlite:";

    /// <summary>Path of the SQLite file. Default <c>./.af/agentflow.db</c>. <c>AF_DB_DSN=sqlite:PATH</c>.</summary>
    public string DatabasePath { get; init; } = Path.Combine(".af", "agentflow.db");

    /// <summary>Default <c>http://127.0.0.1:8000</c>. <c>AF_URL</c>.</summary>
    public ListenAddress Listen { get; init; } = new ListenAddress.Tcp(System.Net.IPAddress.Loopback, 8000);

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

    /// <summary>Whether this process executes runs; false only accepts, shows and steers them. Default true.</summary>
    public bool Executes { get; init; } = true;

    /// <summary>How long a stopping server waits for answers under way. Default 10 s.</summary>
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
        ServerOptions options = defaults with
        {
            DatabasePath = Database(settings, problems) ?? defaults.DatabasePath,
            Listen = Address(settings, problems) ?? defaults.Listen,
            HttpAllow = (settings["AF_HTTP_ALLOW"] ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
            LogLevel = Level(settings, problems) ?? defaults.LogLevel,
            Models = ModelsOf(settings, problems) ?? defaults.Models,
            Warnings = settings.Warnings,
        };
        Only(settings, "AF_MODE", "all", "the split into control and data processes needs a store that several processes share; SQLite belongs to one", problems);
        Only(settings, "AF_ACCESS", "open", "access control is not part of this build; the server listens on this machine only", problems);
        return problems.Count == 0 ? options : throw new OptionsException(problems);
    }

    private static string? Database(Settings settings, List<string> problems)
    {
        if (settings["AF_DB_DSN"] is not { } dsn)
        {
            return null;
        }

        if (dsn.StartsWith(SqlitePrefix, StringComparison.Ordinal) && dsn.Length > SqlitePrefix.Length)
        {
            string path = dsn[SqlitePrefix.Length..];
            return path.StartsWith("///", StringComparison.Ordinal) ? path[2..] : path;
        }

        // A DSN can hold a password: only its scheme is repeated.
        int scheme = dsn.IndexOf(':', StringComparison.Ordinal);
        problems.Add($"{settings.Source("AF_DB_DSN")} is '{(scheme < 0 ? dsn : dsn[..scheme] + ":…")}': this build stores in SQLite, write sqlite:./.af/agentflow.db or sqlite:/absolute/path.db");
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

    private static void Only(Settings settings, string name, string value, string reason, List<string> problems)
    {
        if (settings[name] is { } given && given != value)
        {
            problems.Add($"{settings.Source(name)} is '{given}': {reason}; write {value} or leave it out");
        }
    }
}
