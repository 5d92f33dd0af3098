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

    private readonly Func<string, string?> _environment;
    private readonly string[] _names;
    private readonly string _directory;
    private readonly Dictionary<string, (string Value, int Line, int Column)> _file;

    private Settings(Func<string, string?> environment, IEnumerable<string> names, string directory, Dictionary<string, (string Value, int Line, int Column)> file, string? path, IReadOnlyList<string> warnings)
    {
        _directory = directory;
        _environment = environment;
        _names = [.. names];
        _file = file;
        FilePath = path;
        Warnings = warnings;
    }

    /// <summary>No environment and no file.</summary>
    public static Settings None { get; } = new(static _ => null, [], "", [], null, []);

    /// <summary>The file that was read; <see langword="null"/> when there is none.</summary>
    public string? FilePath { get; }

    /// <summary>When the file was written that was read, in UTC.</summary>
    internal DateTime Written { get; private init; }

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
            if (SettingSchema.Find(name) is null)
            {
                warnings.Add($"{name} is not a setting and has no effect{NearWord.Hint(name, SettingSchema.All.Select(known => known.Name))}");
            }
        }

        string? named = environment("AF_CONFIG");
        string path = Path.Combine(directory, string.IsNullOrWhiteSpace(named) ? "agentflow.yml" : named);
        if (!File.Exists(path))
        {
            return string.IsNullOrWhiteSpace(named)
                ? new Settings(environment, names, directory, [], null, warnings)
                : throw new OptionsException([$"AF_CONFIG names '{path}', which does not exist: create it or unset AF_CONFIG"]);
        }

        // Before the content: a change in between is seen as one.
        DateTime written = File.GetLastWriteTimeUtc(path);
        return new Settings(environment, names, directory, ReadFile(path, warnings), path, warnings) { Written = written };
    }

    /// <summary>The value of a setting, or of any environment variable; <see langword="null"/> when it has none.</summary>
    public string? this[string name]
    {
        get
        {
            string? value = _environment(Spelling(name));
            return string.IsNullOrWhiteSpace(value) ? (_file.TryGetValue(name, out var given) ? given.Value : null) : value.Trim();
        }
    }

    /// <summary>Variables of the environment that begin so and are not empty. Never those of the file, which is no place for them.</summary>
    internal IReadOnlyDictionary<string, string> WithPrefix(string prefix) => _names
        .Where(n => n.Length > prefix.Length && n.StartsWith(prefix, StringComparison.Ordinal) && !string.IsNullOrWhiteSpace(_environment(n)))
        .ToDictionary(n => n, n => _environment(n)!.Trim(), StringComparer.Ordinal);

    /// <summary>The names of a family's members that have a value, wherever it stands.</summary>
    internal IEnumerable<string> Members(string family) => _names.Concat(_file.Keys)
        .Where(n => n.Length > family.Length && n.StartsWith(family, StringComparison.Ordinal) && this[n] is not null)
        .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);

    /// <summary>Where a setting's value stands, for messages.</summary>
    internal string Source(string name) => IsInFile(name) ? $"{FilePath}:{_file[name].Line}:{_file[name].Column}: {Setting.KeyOf(name)}" : Spelling(name);

    /// <summary>Whether a value comes from the file, because the environment has none.</summary>
    internal bool IsInFile(string name) => string.IsNullOrWhiteSpace(_environment(Spelling(name))) && _file.ContainsKey(name);

    /// <summary>The same environment, and the file as it is now.</summary>
    /// <exception cref="OptionsException">The file cannot be read.</exception>
    internal Settings Again() => _directory.Length == 0 ? this : Load(_environment, _names, _directory);

    /// <summary>What the environment calls a setting: its own name, unless only the other one has a value.</summary>
    private string Spelling(string name) =>
        string.IsNullOrWhiteSpace(_environment(name)) && SettingSchema.Find(name) is { Alias: { Length: > 0 } alias } && !string.IsNullOrWhiteSpace(_environment(alias)) ? alias : name;

    private static Dictionary<string, (string Value, int Line, int Column)> ReadFile(string path, List<string> warnings)
    {
        var values = new Dictionary<string, (string, int, int)>(StringComparer.Ordinal);
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
            Setting? setting = SettingSchema.Find(name);
            if (setting is { IsSecret: true, IsEnvironmentOnly: true })
            {
                problems.Add($"{at}: '{key}' would keep a secret in the clear: put it into the environment{(setting.IsFamily ? ", or use af secrets set" : "")}");
            }
            else if (setting is null or { IsEnvironmentOnly: true })
            {
                warnings.Add($"{at}: '{key}' is not a setting of this file and has no effect{NearWord.Hint(key.ToString(), SettingSchema.All.Where(known => !known.IsEnvironmentOnly).Select(known => known.Key))}");
            }
            else if (Value(value) is { } text)
            {
                values[name] = (text, (int)value.Start.Line, (int)value.Start.Column);
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
