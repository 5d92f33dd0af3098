using System.Text.Json;

namespace AgentFlow.Server.Configuration;

/// <summary>How remote agents are spoken with (the Agent Bridge). <c>AF_BRIDGE_*</c>.</summary>
public sealed record BridgeSettings
{
    /// <summary>Fewer characters can be guessed.</summary>
    public const int LeastSecret = 32;

    private const int MostSecrets = 2;

    /// <summary>The shared secrets; the first signs, all are believed. Default: none, and no agent can be spoken with. <c>AF_BRIDGE_SECRET</c>.</summary>
    public IReadOnlyList<string> Secrets { get; init; } = [];

    /// <summary>Agents with secrets of their own, by id; the first signs, all are believed. Default: none. <c>AF_BRIDGE_AGENT_KEYS</c>.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> AgentKeys { get; init; } = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);

    /// <summary>Where agents reach this server. Default: where it listens. <c>AF_BRIDGE_URL</c>.</summary>
    public Uri? Url { get; init; }

    /// <summary>Agents that are known without having registered. Default: none. <c>AF_BRIDGE_AGENTS</c>.</summary>
    public IReadOnlyList<KnownAgent> Agents { get; init; } = [];

    /// <summary>The agents that may take part, each with where it must be, if that is said. <see langword="null"/>: all. <c>AF_BRIDGE_ALLOW</c>.</summary>
    public IReadOnlyDictionary<string, Uri?>? Allowed { get; init; }

    /// <summary>Default <c>default</c>. <c>AF_BRIDGE_TENANT</c>.</summary>
    public string Tenant { get; init; } = "default";

    /// <summary>Default <c>auto-com-center</c>. <c>AF_BRIDGE_AUDIENCE</c>.</summary>
    public string Audience { get; init; } = "auto-com-center";

    /// <summary>Default <c>auto-com-center</c>. <c>AF_BRIDGE_ISSUER</c>.</summary>
    public string Issuer { get; init; } = "auto-com-center";

    /// <summary>Default <c>scholar-sync-agents</c>. <c>AF_BRIDGE_AGENT_AUDIENCE</c>.</summary>
    public string AgentAudience { get; init; } = "scholar-sync-agents";

    /// <summary>How old a token without <c>exp</c> may be. Default: any age. <c>AF_BRIDGE_TOKEN_AGE</c>.</summary>
    public TimeSpan? TokenAge { get; init; }

    /// <summary>Default 5 minutes. <c>AF_BRIDGE_TASK_TIMEOUT</c>.</summary>
    public TimeSpan TaskTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Tries after the first one. Default 2. <c>AF_BRIDGE_RETRY</c>.</summary>
    public int Retry { get; init; } = 2;

    /// <summary>How long a task waits for an agent that takes it. Default 1 hour. <c>AF_BRIDGE_QUEUE_TIME</c>.</summary>
    public TimeSpan QueueTime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Default 5 minutes. <c>AF_BRIDGE_OFFLINE_AFTER</c>.</summary>
    public TimeSpan OfflineAfter { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How often silent agents are looked for. Default 1 minute. <c>AF_BRIDGE_SWEEP</c>.</summary>
    public TimeSpan Sweep { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long tasks that have ended, and events, are kept. Default 30 days. <c>AF_BRIDGE_RETENTION</c>.</summary>
    public TimeSpan Retention { get; init; } = TimeSpan.FromDays(30);

    /// <summary>Whether there is a secret to speak with agents.</summary>
    public bool IsOn => Secrets.Count > 0 || AgentKeys.Count > 0;

    /// <summary>Every secret, for what must not be written down.</summary>
    internal IEnumerable<(string Name, string Value)> Named => Secrets.Select(s => ("SHARED_SECRET", s)).Concat(AgentKeys.SelectMany(k => k.Value.Select(v => ($"key of {k.Key}", v))));

    internal static BridgeSettings From(SettingReader read)
    {
        var defaults = new BridgeSettings();
        return defaults with
        {
            Secrets = read.Text("AF_BRIDGE_SECRET") is { } secrets ? SettingValue.List(secrets) : defaults.Secrets,
            AgentKeys = (read.List("AF_BRIDGE_AGENT_KEYS") ?? []).Select(Pair).GroupBy(p => p.Id, StringComparer.Ordinal)
                .ToDictionary(g => g.Key, g => (IReadOnlyList<string>)[.. g.Select(p => p.Value!)], StringComparer.Ordinal),
            Url = read.Text("AF_BRIDGE_URL") is { } url ? new Uri(url) : null,
            Agents = read.Text("AF_BRIDGE_AGENTS") is { } agents ? ReadAgents(agents) : defaults.Agents,
            Allowed = read.List("AF_BRIDGE_ALLOW") is { Count: > 0 } allowed ? allowed.Select(Pair).ToDictionary(p => p.Id, p => p.Value is null ? null : new Uri(p.Value), StringComparer.Ordinal) : null,
            Tenant = read.Text("AF_BRIDGE_TENANT") ?? defaults.Tenant,
            Audience = read.Text("AF_BRIDGE_AUDIENCE") ?? defaults.Audience,
            Issuer = read.Text("AF_BRIDGE_ISSUER") ?? defaults.Issuer,
            AgentAudience = read.Text("AF_BRIDGE_AGENT_AUDIENCE") ?? defaults.AgentAudience,
            TokenAge = read.Seconds("AF_BRIDGE_TOKEN_AGE"),
            TaskTimeout = read.Seconds("AF_BRIDGE_TASK_TIMEOUT") ?? defaults.TaskTimeout,
            Retry = read.Count("AF_BRIDGE_RETRY") ?? defaults.Retry,
            QueueTime = read.Seconds("AF_BRIDGE_QUEUE_TIME") ?? defaults.QueueTime,
            OfflineAfter = read.Seconds("AF_BRIDGE_OFFLINE_AFTER") ?? defaults.OfflineAfter,
            Sweep = read.Seconds("AF_BRIDGE_SWEEP") ?? defaults.Sweep,
            Retention = read.Days("AF_BRIDGE_RETENTION") ?? defaults.Retention,
        };
    }

    internal static string? SecretProblem(string text)
    {
        string[] secrets = SettingValue.List(text);
        return secrets.Length is 0 or > MostSecrets ? "write one secret, or two, comma separated, while one replaces the other"
            : Array.Exists(secrets, s => s.Length < LeastSecret) ? $"a shared secret has {LeastSecret} characters or more; make one with: openssl rand -hex 32"
            : null;
    }

    internal static string? KeysProblem(string text)
    {
        foreach ((string id, string? key) in SettingValue.List(text).Select(Pair))
        {
            if (!AgentId.IsValid(id) || key is null)
            {
                return "write agent_id=key for each agent";
            }

            if (key.Length < LeastSecret)
            {
                return $"the key of '{id}' is too short: a key has {LeastSecret} characters or more; make one with: openssl rand -hex 32";
            }
        }

        return null;
    }

    internal static string? UrlProblem(string text) =>
        AgentAddress.Problem(text) is { } problem ? $"{problem}; write the address under which agents reach this server, such as https://agents.example.com" : null;

    internal static string? AllowProblem(string text)
    {
        (string Id, string? Value)[] pairs = [.. SettingValue.List(text).Select(Pair)];
        return Array.Find(pairs, p => !AgentId.IsValid(p.Id)) is { Id: { } id } ? $"'{id}' is no agent's id; write agent_id or agent_id=https://host:port"
            : pairs.Select(p => p.Value is null ? null : AgentAddress.Problem(p.Value)).FirstOrDefault(p => p is not null) is { } problem ? $"{problem}; write agent_id=https://host:port"
            : pairs.GroupBy(p => p.Id, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice ? $"'{twice.Key}' stands twice; keep one"
            : null;
    }

    internal static string? AgentsProblem(string text)
    {
        try
        {
            ReadAgents(text);
            return null;
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            return $"""{e.Message.TrimEnd('.')}; write {"{"}"ID": {"{"}"base_url": "https://…", "capabilities": ["x.y"]{"}}"}""";
        }
    }

    private static KnownAgent[] ReadAgents(string text)
    {
        using JsonDocument document = JsonDocument.Parse(text, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 16 });
        return document.RootElement.ValueKind == JsonValueKind.Object
            ? [.. document.RootElement.EnumerateObject().Select(p => KnownAgent.Read(p.Name, p.Value))]
            : throw new FormatException("it is no JSON object");
    }

    private static (string Id, string? Value) Pair(string text)
    {
        int at = text.IndexOf('=', StringComparison.Ordinal);
        return at < 0 ? (text, null) : (text[..at].Trim(), text[(at + 1)..].Trim());
    }
}

/// <summary>An agent that the deployment names.</summary>
/// <param name="TasksPerMinute">Most tasks that it is sent in a minute; <see langword="null"/>: as many as it takes.</param>
public sealed record KnownAgent(string Id, string Name, Uri BaseUrl, IReadOnlyList<string> Capabilities, int? TasksPerMinute)
{
    private static readonly string[] Members = ["base_url", "name", "capabilities", "tasks_per_minute"];

    /// <exception cref="FormatException">It is not one; the message says why.</exception>
    internal static KnownAgent Read(string id, JsonElement value)
    {
        if (!AgentId.IsValid(id))
        {
            throw new FormatException($"'{id}' is no agent's id");
        }

        if (value.ValueKind != JsonValueKind.Object)
        {
            throw new FormatException($"'{id}' is no object");
        }

        foreach (JsonProperty member in value.EnumerateObject())
        {
            if (!Members.Contains(member.Name))
            {
                throw new FormatException($"'{id}' has '{member.Name}', which is none of {string.Join(", ", Members)}");
            }
        }

        string url = value.TryGetProperty("base_url", out JsonElement given) && given.ValueKind == JsonValueKind.String ? given.GetString()! : throw new FormatException($"'{id}' has no base_url");
        if (AgentAddress.Problem(url) is { } problem)
        {
            throw new FormatException($"base_url of '{id}': {problem}");
        }

        return new KnownAgent(id, Text(id, value, "name") ?? id, new Uri(url), Capability(id, value), Rate(id, value));
    }

    private static string? Text(string id, JsonElement value, string name) =>
        !value.TryGetProperty(name, out JsonElement given) ? null : given.ValueKind == JsonValueKind.String ? given.GetString() : throw new FormatException($"{name} of '{id}' is no text");

    private static string[] Capability(string id, JsonElement value)
    {
        if (!value.TryGetProperty("capabilities", out JsonElement given))
        {
            return [];
        }

        return given.ValueKind == JsonValueKind.Array && given.EnumerateArray().All(c => c.ValueKind == JsonValueKind.String)
            ? [.. given.EnumerateArray().Select(c => c.GetString()!).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)]
            : throw new FormatException($"capabilities of '{id}' is no list of texts");
    }

    private static int? Rate(string id, JsonElement value) =>
        !value.TryGetProperty("tasks_per_minute", out JsonElement given) ? null
        : given.ValueKind == JsonValueKind.Number && given.TryGetInt32(out int rate) && rate > 0 ? rate
        : throw new FormatException($"tasks_per_minute of '{id}' is no whole number above 0");
}
