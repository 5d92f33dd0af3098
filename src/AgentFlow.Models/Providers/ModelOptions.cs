namespace AgentFlow.Models.Providers;

/// <summary>Where model calls may go.</summary>
public enum Residency
{
    /// <summary>Anywhere, without remark.</summary>
    Off,

    /// <summary>Anywhere; a call that leaves the premises is marked in its span.</summary>
    Lenient,

    /// <summary>Only to this process, this machine, private addresses and the hosts that are named as on premises.</summary>
    Strict,
}

/// <summary>One provider's account.</summary>
/// <param name="ApiKey">Sent only to <paramref name="BaseUrl"/>'s origin, never to an address that a workflow names.</param>
/// <param name="BaseUrl">Absolute http or https address; <see langword="null"/> takes the vendor's own.</param>
/// <param name="DefaultModel">The model of requests that name none.</param>
public sealed record ProviderAccount(string? ApiKey = null, Uri? BaseUrl = null, string? DefaultModel = null)
{
    /// <summary>Hides the key from logs and exception texts.</summary>
    public override string ToString() => $"{BaseUrl?.ToString() ?? "default address"}, {(ApiKey is null ? "no key" : "key set")}";
}

/// <summary>How this host reaches models.</summary>
public sealed record ModelOptions
{
    /// <summary>Providers in the order in which a request that names none is routed; a provider that isn't listed is refused. Empty: all.</summary>
    public IReadOnlyList<string> Backends { get; init; } = [];

    public Residency Residency { get; init; } = Residency.Off;

    /// <summary>Host names that count as on premises under <see cref="Residency.Strict"/>, besides loopback and private addresses.</summary>
    public IReadOnlyList<string> OnPremisesHosts { get; init; } = [];

    /// <summary>Accounts by provider name.</summary>
    public IReadOnlyDictionary<string, ProviderAccount> Accounts { get; init; } = new Dictionary<string, ProviderAccount>(StringComparer.Ordinal);

    /// <summary>How long one HTTP exchange may take; the engine's own time limit usually ends sooner. Default 120 s.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(120);

    /// <summary>What an answer may depend on: equal for options under which equal requests go to the same places. Holds no key.</summary>
    public string Fingerprint => string.Join(' ', [
        $"backends={string.Join(',', Backends)}", $"residency={Residency}", $"hosts={string.Join(',', OnPremisesHosts)}",
        .. Accounts.OrderBy(a => a.Key, StringComparer.Ordinal).Select(a => $"{a.Key}={a.Value.BaseUrl}|{a.Value.DefaultModel}")]);

    internal ProviderAccount Account(string provider) => Accounts.GetValueOrDefault(provider) ?? new ProviderAccount();

    /// <summary>
    /// Reads <c>AF_MODEL_BACKENDS</c> (comma separated), <c>AF_RESIDENCY_POLICY</c> (strict, lenient or off), <c>AF_RESIDENCY_HOSTS</c>
    /// (comma separated), <c>AF_MODEL_TIMEOUT</c> (seconds), and for each provider its key, its address and <c>AF_MODEL_DEFAULT_&lt;PROVIDER&gt;</c>.
    /// </summary>
    /// <param name="read">Gives a variable's value or <see langword="null"/>; normally <see cref="Environment.GetEnvironmentVariable(string)"/>.</param>
    /// <exception cref="FormatException">A variable has an impossible value; the message names it and the remedy.</exception>
    public static ModelOptions FromEnvironment(Func<string, string?> read)
    {
        string[] backends = List(read("AF_MODEL_BACKENDS"));
        foreach (string name in backends)
        {
            if (ProviderProfile.Find(name) is null)
                throw new FormatException($"AF_MODEL_BACKENDS names '{name}'. {Spelling.OneOf(name, ProviderProfile.All.Select(p => p.Name))}");
        }

        var accounts = new Dictionary<string, ProviderAccount>(StringComparer.Ordinal);
        foreach (var profile in ProviderProfile.All.Where(p => p.Wire != WireFormat.Local))
        {
            string? baseUrl = Value(read(profile.BaseUrlVariable));
            accounts[profile.Name] = new ProviderAccount(
                Value(read(profile.KeyVariable)),
                baseUrl is null ? null : Address(profile, baseUrl),
                Value(read("AF_MODEL_DEFAULT_" + profile.Name.ToUpperInvariant())));
        }

        return new ModelOptions
        {
            Backends = backends,
            Accounts = accounts,
            OnPremisesHosts = List(read("AF_RESIDENCY_HOSTS")),
            Residency = Value(read("AF_RESIDENCY_POLICY"))?.ToLowerInvariant() switch
            {
                null or "off" => Residency.Off,
                "lenient" => Residency.Lenient,
                "strict" => Residency.Strict,
                var other => throw new FormatException($"AF_RESIDENCY_POLICY is '{other}'. Set it to strict, lenient or off."),
            },
            RequestTimeout = Value(read("AF_MODEL_TIMEOUT")) is not { } timeout ? TimeSpan.FromSeconds(120)
                : int.TryParse(timeout, out int seconds) && seconds is > 0 and <= 3600 ? TimeSpan.FromSeconds(seconds)
                : throw new FormatException($"AF_MODEL_TIMEOUT is '{timeout}'. Set it to a whole number of seconds from 1 to 3600."),
        };
    }

    private static Uri Address(ProviderProfile profile, string text)
    {
        // Ollama's own variable may be a host without a scheme, then with another default port, and the address the server listens on.
        if (profile.Wire == WireFormat.Ollama && !text.Contains("://", StringComparison.Ordinal))
        {
            var host = new UriBuilder("http://" + text);
            text = $"http://{(host.Host == "0.0.0.0" ? "127.0.0.1" : host.Host)}:{(host.Port == 80 ? 11434 : host.Port)}";
        }

        return BaseAddress.TryParse(text, out var uri, out string problem)
            ? uri
            : throw new FormatException($"{profile.BaseUrlVariable} is '{text}': {problem}");
    }

    private static string? Value(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();

    private static string[] List(string? text) => (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
