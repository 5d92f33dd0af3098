using AgentFlow.Contracts.Text;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace AgentFlow.Server.Configuration;

/// <summary>
/// Where settings come from: environment variables over <c>agentflow.yml</c>. In the file <c>AF_DB_DSN</c> is called
/// <c>db_dsn</c>; a list is a list there and comma separated in the environment.
/// </summary>
public sealed class Settings
{
    private const string Prefix = "AF_";

    /// <summary>Every setting that the product reads.</summary>
    private static readonly string[] Known =
    [
        "AF_ACCESS", "AF_API_RATE_LIMIT_BURST", "AF_API_RATE_LIMIT_SUSTAINED", "AF_API_TENANT_RATE_LIMIT_BURST", "AF_API_TENANT_RATE_LIMIT_SUSTAINED",
        "AF_KEY_ROTATION", "AF_OIDC_AUDIENCE", "AF_OIDC_ISSUER", "AF_OIDC_ROLES_CLAIM", "AF_OIDC_ROLE_MAP", "AF_OIDC_TENANT", "AF_OIDC_TENANT_CLAIM",
        "AF_REFRESH_LIFETIME", "AF_TLS_CERT", "AF_TLS_CLIENT_CA", "AF_TLS_KEY", "AF_TOKEN_LIFETIME",
        "AF_CONFIG", "AF_DB_DSN", "AF_DEBUG", "AF_DRAIN", "AF_HTTP_ALLOW", "AF_LEASE", "AF_LOG_LEVEL", "AF_MAX_QUEUED", "AF_MAX_STEPS",
        "AF_MODE", "AF_MODEL_BACKENDS", "AF_MODEL_TIMEOUT",
        "AF_RESIDENCY_HOSTS", "AF_RESIDENCY_POLICY", "AF_SERVER", "AF_SQLITE_ENGINE", "AF_TENANT", "AF_TOKEN", "AF_URL",
    ];

    /// <summary>Families whose members are named by the user.</summary>
    private static readonly string[] KnownPrefixes = ["AF_ENV_", "AF_MODEL_DEFAULT_"];

    private readonly Func<string, string?> _environment;
    private readonly Dictionary<string, string> _file;

    private Settings(Func<string, string?> environment, Dictionary<string, string> file, string? path, IReadOnlyList<string> warnings)
    {
        _environment = environment;
        _file = file;
        FilePath = path;
        Warnings = warnings;
    }

    /// <summary>The file that was read; <see langword="null"/> when there is none.</summary>
    public string? FilePath { get; }

    /// <summary>Names that look like settings and are none, each with what was probably meant.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>Reads the process's environment and <c>agentflow.yml</c> in the current directory (or where <c>AF_CONFIG</c> says).</summary>
    /// <exception cref="OptionsException">The file cannot be read.</exception>
    public static Settings Load()
    {
        IEnumerable<string> names = Environment.GetEnvironmentVariables().Keys.Cast<string>();
        return Load(Environment.GetEnvironmentVariable, names, Directory.GetCurrentDirectory());
    }

    /// <param name="names">All names that <paramref name="environment"/> has.</param>
    /// <param name="directory">Where <c>agentflow.yml</c> is looked for.</param>
    /// <inheritdoc cref="Load()"/>
    public static Settings Load(Func<string, string?> environment, IEnumerable<string> names, string directory)
    {
        var warnings = new List<string>();
        foreach (string name in names.Where(n => n.StartsWith(Prefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            if (!IsKnown(name))
            {
                warnings.Add($"{name} is not a setting and has no effect{NearWord.Hint(name, Known)}");
            }
        }

        string? named = environment("AF_CONFIG");
        string path = Path.Combine(directory, string.IsNullOrWhiteSpace(named) ? "agentflow.yml" : named);
        if (!File.Exists(path))
        {
            return string.IsNullOrWhiteSpace(named)
                ? new Settings(environment, [], null, warnings)
                : throw new OptionsException([$"AF_CONFIG names '{path}', which does not exist: create it or unset AF_CONFIG"]);
        }

        return new Settings(environment, ReadFile(path, warnings), path, warnings);
    }

    /// <summary>The value of a setting, or of any environment variable; <see langword="null"/> when it has none.</summary>
    public string? this[string name]
    {
        get
        {
            string? value = _environment(name);
            return string.IsNullOrWhiteSpace(value) ? _file.GetValueOrDefault(name) : value.Trim();
        }
    }

    /// <summary>Where a setting's value stands, for messages.</summary>
    internal string Source(string name) => string.IsNullOrWhiteSpace(_environment(name)) && _file.ContainsKey(name) ? $"{FilePath}: {KeyOf(name)}" : name;

    private static bool IsKnown(string name) => Known.Contains(name) || KnownPrefixes.Any(p => name.StartsWith(p, StringComparison.Ordinal));

    private static string KeyOf(string name) => name[Prefix.Length..].ToLowerInvariant();

    private static Dictionary<string, string> ReadFile(string path, List<string> warnings)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        var yaml = new YamlStream();
        try
        {
            using StreamReader reader = File.OpenText(path);
            yaml.Load(reader);
        }
        catch (Exception e) when (e is YamlException or IOException or UnauthorizedAccessException)
        {
            string at = e is YamlException { Start: var start } ? $":{start.Line}:{start.Column}" : "";
            throw new OptionsException([$"{path}{at} cannot be read: {e.Message}"]);
        }

        if (yaml.Documents.Count == 0)
        {
            return values;
        }

        if (yaml.Documents[0].RootNode is not YamlMappingNode root)
        {
            throw new OptionsException([$"{path} must hold settings such as 'url: http://127.0.0.1:8000'"]);
        }

        var problems = new List<string>();
        foreach ((YamlNode key, YamlNode value) in root.Children)
        {
            string at = $"{path}:{key.Start.Line}:{key.Start.Column}";
            string name = Prefix + key.ToString().ToUpperInvariant();
            if (!IsKnown(name) || name == "AF_CONFIG")
            {
                warnings.Add($"{at}: '{key}' is not a setting and has no effect{NearWord.Hint(key.ToString(), Known.Select(KeyOf))}");
            }
            else if (Value(value) is { } text)
            {
                values[name] = text;
            }
            else
            {
                problems.Add($"{at}: '{key}' must be a text, a number or a list of them");
            }
        }

        return problems.Count == 0 ? values : throw new OptionsException(problems);
    }

    private static string? Value(YamlNode node) => node switch
    {
        YamlScalarNode scalar => scalar.Value ?? "",
        YamlSequenceNode list when list.Children.All(c => c is YamlScalarNode) => string.Join(',', list.Children.Select(c => ((YamlScalarNode)c).Value)),
        _ => null,
    };
}
