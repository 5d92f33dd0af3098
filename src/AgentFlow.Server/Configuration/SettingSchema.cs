using AgentFlow.Server.Features.Monitoring;
using Microsoft.Extensions.Logging;
using static AgentFlow.Server.Configuration.SettingKind;

namespace AgentFlow.Server.Configuration;

/// <summary>
/// Every setting that the product reads, once: what the server checks values against, what <c>af config</c> lists, and what
/// docs/reference/settings.md says.
/// </summary>
public static class SettingSchema
{
    private const string Store = "Store and processes";
    private const string Http = "HTTP and tools";
    private const string Runs = "Runs";
    private const string Audit = "Audit";
    private const string Secrets = "Secrets";
    private const string Models = "Models";
    private const string Access = "Access";
    private const string Monitoring = "Monitoring";
    private const string Bridge = "Agent Bridge";
    private const string Here = "This process only";

    public static IReadOnlyList<Setting> All { get; } =
    [
        new("AF_DB_DSN", Text, "sqlite:./.af/agentflow.db", "Where runs are kept: `sqlite:PATH`, `postgres://…`, or `sqlite::memory:`, where nothing outlives the process") { Group = Store, IsSecret = true, Check = Dsn },
        new("AF_MODE", Word, "all", "What this process does: everything, serve the API (`control`), or execute runs (`data`)") { Group = Store, Words = ["all", "control", "data"] },
        new("AF_LEASE", Seconds, "10s", "How long this process may be silent before others on a shared store take its runs over") { Group = Store, Least = 1, Most = 3600 },
        new("AF_DRAIN", Seconds, "10s", "How long a stopping process waits for answers and steps under way") { Group = Store, Most = 3600 },
        new("AF_MAX_STEPS", Count, "1024", "Most calls with effects under way at once in one process") { Group = Store, Least = 1, Most = 100_000 },
        new("AF_MAX_QUEUED", Count, "250000", "Runs waiting to be executed from which on new ones are refused with 429") { Group = Store, Least = 1, Most = 100_000_000, IsLive = true },
        new("AF_LOG_LEVEL", Word, "information", "Least level that is logged, to standard error")
        {
            Group = Store, Words = [.. Enum.GetNames<LogLevel>().Select(n => n.ToLowerInvariant())], IsLive = true,
        },

        new("AF_URL", Text, "http://127.0.0.1:8000", "Where the server listens: an address of this machine, or `unix:PATH`") { Group = Http, Check = Listen },
        new("AF_ACCESS", Word, "open", "Who may call: whoever reaches the server (`open`, on this machine only), or callers that show an API key or a token (`required`)") { Group = Http, Words = ["open", "required"] },
        new("AF_HTTP_ALLOW", List, "", "Non-public places that tools may connect to: `host:port`, `address:port` or a network") { Group = Http },

        new("AF_CORS_ORIGINS", List, "http://localhost:3000,http://localhost:5173", "Pages of these origins may use the API from a browser; `off`: none may") { Group = Http, Check = AccessSettings.OriginProblem },

        new("AF_TOKEN_LIFETIME", Seconds, "600s", "Life of an access token") { Group = Access, Least = 30, Most = 3600 },
        new("AF_REFRESH_LIFETIME", Seconds, "604800s", "From one login to the next, however often its refresh token is exchanged") { Group = Access, Least = 60, Most = 90 * 86_400 },
        new("AF_KEY_ROTATION", Seconds, "86400s", "How long a process signs tokens with one key") { Group = Access, Least = 60, Most = 30 * 86_400 },
        new("AF_OIDC_ISSUER", Text, "", "The OpenID provider whose access tokens are believed, as it spells its issuer; needs `AF_ACCESS=required`") { Group = Access, Check = AccessSettings.IssuerProblem },
        new("AF_OIDC_AUDIENCE", Text, "agentflow", "What must be among a token's `aud`") { Group = Access },
        new("AF_OIDC_TENANT_CLAIM", Text, "", "The claim that names the tenant, or a JSON pointer to it; a token without it is refused. By default everybody is in `AF_OIDC_TENANT`") { Group = Access },
        new("AF_OIDC_TENANT", Text, "default", "Everybody's tenant where no claim names one") { Group = Access, Check = AccessSettings.TenantProblem },
        new("AF_OIDC_ROLES_CLAIM", Text, "roles", "The claim that lists the roles, or a JSON pointer such as `/realm_access/roles`") { Group = Access },
        new("AF_OIDC_ROLE_MAP", List, "", "What the provider's roles are called here, such as `staff=operator`; others mean nothing then. By default they are called alike") { Group = Access, Check = AccessSettings.RoleMapProblem },
        new("AF_API_RATE_LIMIT_BURST", Count, "", "Requests of one caller at once; by default 100 with `AF_ACCESS=required`, otherwise any number") { Group = Access, Least = 1, Most = 1_000_000 },
        new("AF_API_RATE_LIMIT_SUSTAINED", Text, "", "Requests of one caller over time, `50/s` or `600/m`, or `off`; by default `50/s` with `AF_ACCESS=required`, otherwise `off`") { Group = Access, Check = AccessSettings.RateProblem },
        new("AF_API_TENANT_RATE_LIMIT_BURST", Count, "", "Requests of all callers of a tenant at once; by default 1000 with `AF_ACCESS=required`, otherwise any number") { Group = Access, Least = 1, Most = 1_000_000 },
        new("AF_API_TENANT_RATE_LIMIT_SUSTAINED", Text, "", "Requests of all callers of a tenant over time; by default `500/s` with `AF_ACCESS=required`, otherwise `off`") { Group = Access, Check = AccessSettings.RateProblem },
        new("AF_BRIDGE_RATE_LIMIT_BURST", Count, "", "Requests of one caller to the Agent Bridge (`/orchestrator`) at once, counted apart from the rest; by default they are counted with it") { Group = Access, Least = 1, Most = 1_000_000 },
        new("AF_BRIDGE_RATE_LIMIT_SUSTAINED", Text, "", "The same over time, `50/s` or `600/m`, or `off` for any number") { Group = Access, Check = AccessSettings.RateProblem },
        new("AF_STRESS_RATE_LIMIT_BURST", Count, "", "Requests of one caller to the stress tests (`/api/v1/stress-test…`, `/api/v1/aoa…`) at once, counted apart from the rest; by default they are counted with it") { Group = Access, Least = 1, Most = 1_000_000 },
        new("AF_STRESS_RATE_LIMIT_SUSTAINED", Text, "", "The same over time, `50/s` or `600/m`, or `off` for any number") { Group = Access, Check = AccessSettings.RateProblem },
        new("AF_QUOTA_RUNS", Text, "", "Runs of a tenant that may be going at once, where it was given no number of its own; by default any number") { Group = Access, Check = QuotaSettings.NumberProblem },
        new("AF_QUOTA_WORKFLOWS", Text, "", "Names of workflows that a tenant may publish, likewise") { Group = Access, Check = QuotaSettings.NumberProblem },
        new("AF_QUOTA_WORKFLOW_VERSIONS", Text, "", "Versions of workflows that a tenant may publish, likewise") { Group = Access, Check = QuotaSettings.NumberProblem },
        new("AF_QUOTA_STORAGE", Text, "", "Bytes that a tenant may store, such as `500MiB` or `20GiB`, likewise") { Group = Access, Check = QuotaSettings.SizeProblem },
        new("AF_QUOTA_AGENTS", Text, "", "Agents that a tenant may register, likewise") { Group = Access, Check = QuotaSettings.NumberProblem },
        new("AF_TLS_CERT", Text, "", "The server's certificate and its intermediates, a PEM file that is read again when it changes; needs an `https://` address") { Group = Access, Check = AccessSettings.FileProblem },
        new("AF_TLS_KEY", Text, "", "The certificate's private key, a PEM file without a password") { Group = Access, Check = AccessSettings.FileProblem },
        new("AF_TLS_CLIENT_CA", Text, "", "Who signs the certificates that clients must show, a PEM file; by default they show none") { Group = Access, Check = AccessSettings.FileProblem },

        new("AF_ACCEPT_RUNS", Switch, "on", "Whether new runs are accepted; those that were go on") { Group = Runs, Scope = SettingScope.Workflow, IsLive = true },
        new("AF_EXECUTE_WAIT", Seconds, "", "How long `POST …/execute` waits for the run's end when the request names no `timeout`; by default until then") { Group = Runs, Scope = SettingScope.Workflow, IsLive = true, Most = 3600 },

        new("AF_AUDIT", Switch, "on", "Whether anything is audited; every process of a deployment must agree") { Group = Audit },
        new("AF_AUDIT_KEY", Text, "", "The key that signs, created at the first start; by default beside the SQLite file, else in `./.af`") { Group = Audit },
        new("AF_AUDIT_WITNESS", Text, "", "The witness file; by default beside the key") { Group = Audit },
        new("AF_AUDIT_WEBHOOK", Text, "", "Gets each sealed checkpoint by POST") { Group = Audit, IsSecret = true, Check = Webhook },
        new("AF_AUDIT_RETENTION", Days, "", "How long records are kept; by default for ever. Needs `AF_AUDIT_EXPORT`") { Group = Audit, Most = 36_500 },
        new("AF_AUDIT_EXPORT", Text, "", "The folder that records are exported to before they are dropped") { Group = Audit },
        new("AF_AUDIT_SEGMENT_RECORDS", Count, "1000", "Records after which a segment is sealed") { Group = Audit, Least = 1, Most = 1_000_000 },
        new("AF_AUDIT_SEGMENT_TIME", Seconds, "60s", "Age of its oldest record after which a segment is sealed") { Group = Audit, Least = 1, Most = 86_400 },
        new("AF_AUDIT_READS", Switch, "", "Whether reads that are allowed are audited; by default only with `AF_ACCESS=required`") { Group = Audit, Scope = SettingScope.Tenant, IsLive = true },

        new("AF_SECRETS", List, "file,env", "Where secrets are looked up, in this order: `file`, `env`, `vault`, `azure`") { Group = Secrets },
        new("AF_SECRETS_FILE", Text, "", "The encrypted file; by default beside the SQLite file, else in `./.af`") { Group = Secrets },
        new("AF_SECRETS_KEY", Text, "", "The file with its key, created with the first secret; by default beside the file") { Group = Secrets },
        new("AF_SECRETS_PASSPHRASE", Text, "", "Instead of the key file") { Group = Secrets, IsSecret = true, IsEnvironmentOnly = true },
        new("AF_SECRETS_CACHE", Seconds, "60s", "How long a value from a vault is used without asking again") { Group = Secrets, Most = 3600 },
        new("AF_SECRET_", Text, "", "`AF_SECRET_API_KEY` is `secret://api-key`, `AF_SECRET_DB__PASSWORD` is `secret://db#password`, of the tenant `default`") { Group = Secrets, IsSecret = true, IsEnvironmentOnly = true },
        new("AF_VAULT_ADDR", Text, "", "Vault's address") { Group = Secrets, Check = VaultAddress },
        new("AF_VAULT_TOKEN", Text, "", "Vault's token") { Group = Secrets, IsSecret = true, IsEnvironmentOnly = true },
        new("AF_VAULT_MOUNT", Text, "secret", "Where Vault's KV engine (version 2) is mounted") { Group = Secrets },
        new("AF_VAULT_PATH", Text, "agentflow/{tenant}", "Folder of a tenant's secrets") { Group = Secrets },
        new("AF_VAULT_NAMESPACE", Text, "", "Vault's namespace") { Group = Secrets },
        new("AF_AZURE_VAULT", Text, "", "Azure Key Vault's address; with `{tenant}` in it each tenant has its own, without the tenant `default` has it") { Group = Secrets, Check = VaultAddress },
        new("AF_AZURE_TENANT", Text, "", "The Entra tenant") { Group = Secrets },
        new("AF_AZURE_CLIENT_ID", Text, "", "The client's id") { Group = Secrets },
        new("AF_AZURE_CLIENT_SECRET", Text, "", "The client's secret") { Group = Secrets, IsSecret = true, IsEnvironmentOnly = true },
        new("AF_AZURE_LOGIN", Text, "https://login.microsoftonline.com", "Where tokens come from") { Group = Secrets, Check = VaultAddress },

        new("AF_MODEL_BACKENDS", List, "", "Model providers in the order in which a request that names none is routed; by default all") { Group = Models },
        new("AF_MODEL_TIMEOUT", Count, "120", "Seconds that one exchange with a model may take") { Group = Models, Least = 1, Most = 3600 },
        new("AF_MODEL_DEFAULT_", Text, "", "The model of requests to this provider that name none: `AF_MODEL_DEFAULT_OPENAI`") { Group = Models },
        new("AF_RESIDENCY_POLICY", Word, "off", "Where model calls may go") { Group = Models, Words = ["off", "lenient", "strict"] },
        new("AF_RESIDENCY_HOSTS", List, "", "Host names that count as on premises") { Group = Models },

        new("AF_ALERT_INTERVAL", Seconds, "5s", "How often alert rules are looked at") { Group = Monitoring, Least = 0.1, Most = 3600 },
        new("AF_ALERT_CHANNEL_", Text, "", "A place where somebody is told of alerts: `AF_ALERT_CHANNEL_OPS` is the channel `ops`, an address that gets them by POST, or `mailto:` and mail addresses") { Group = Monitoring, IsSecret = true, Check = AlertSettings.ChannelProblem },
        new("AF_ALERT_NOTIFY", List, "", "Channels that are told of alerts whose rule names none; by default all that are not in `AF_ALERT_ESCALATE`") { Group = Monitoring },
        new("AF_ALERT_ESCALATE", List, "", "Channels that are told of alerts that last") { Group = Monitoring },
        new("AF_ALERT_ESCALATE_AFTER", Seconds, "900s", "How long an alert lasts before it is escalated") { Group = Monitoring, Least = 1, Most = 7 * 86_400 },
        new("AF_SMTP_URL", Text, "", "The server that takes mail: `smtp://USER@HOST:PORT`") { Group = Monitoring, Check = AlertSettings.SmtpProblem },
        new("AF_SMTP_PASSWORD", Text, "", "The mail server's password") { Group = Monitoring, IsSecret = true, IsEnvironmentOnly = true },
        new("AF_SMTP_TLS", Switch, "", "Whether mail is only handed over encrypted (STARTTLS); by default unless the server is on this machine") { Group = Monitoring },
        new("AF_SMTP_FROM", Text, "agentflow@localhost", "Whom mail comes from") { Group = Monitoring, Check = AlertSettings.FromProblem },

        new("AF_BRIDGE_SECRET", Text, "", "The secret that remote agents share, 32 characters or more; also `SHARED_SECRET`. Two, comma separated, while one replaces the other: both are believed, the first signs") { Group = Bridge, Alias = "SHARED_SECRET", IsSecret = true, IsEnvironmentOnly = true, Check = BridgeSettings.SecretProblem },
        new("AF_BRIDGE_AGENT_KEYS", List, "", "Agents with a secret of their own, instead of the shared one: `agent_id=key`, an agent twice while one key replaces the other") { Group = Bridge, IsSecret = true, IsEnvironmentOnly = true, Check = BridgeSettings.KeysProblem },
        new("AF_BRIDGE_URL", Text, "", "Where remote agents reach this server, for `reply_to`; also `COMMAND_CENTER_URL`. By default where it listens") { Group = Bridge, Alias = "COMMAND_CENTER_URL", Check = BridgeSettings.UrlProblem },
        new("AF_BRIDGE_AGENTS", Text, "", "Agents that are known without having registered, a JSON object: `{\"ID\": {\"base_url\": …, \"name\": …, \"capabilities\": […], \"tasks_per_minute\": …}}`; also `REGISTERED_AGENTS`") { Group = Bridge, Alias = "REGISTERED_AGENTS", Check = BridgeSettings.AgentsProblem },
        new("AF_BRIDGE_ALLOW", List, "", "The agents that may take part, `agent_id` or `agent_id=https://host:port` to say where it must be; also `AGENTS_ALLOWLIST`. By default all that have a secret") { Group = Bridge, Alias = "AGENTS_ALLOWLIST", Check = BridgeSettings.AllowProblem },
        new("AF_BRIDGE_TENANT", Text, "default", "Whose the remote agents and what they send are") { Group = Bridge, Check = AccessSettings.TenantProblem },
        new("AF_BRIDGE_AUDIENCE", Text, "auto-com-center", "The `aud` of tokens that agents send") { Group = Bridge },
        new("AF_BRIDGE_ISSUER", Text, "auto-com-center", "The `iss` of tokens that agents get") { Group = Bridge },
        new("AF_BRIDGE_AGENT_AUDIENCE", Text, "scholar-sync-agents", "The `aud` of tokens that agents get") { Group = Bridge },
        new("AF_BRIDGE_TOKEN_AGE", Seconds, "", "How old a token without `exp` may be by its `iat`; by default any age, because deployed agents may use one for long") { Group = Bridge, Least = 60, Most = 30 * 86_400 },
        new("AF_BRIDGE_TASK_TIMEOUT", Seconds, "300s", "From a dispatch to the last callback, for tasks that name no `timeout_ms`") { Group = Bridge, Least = 1, Most = 7 * 86_400 },
        new("AF_BRIDGE_RETRY", Count, "2", "Tries after the first one, for tasks that name no `retry`") { Group = Bridge, Most = 100 },
        new("AF_BRIDGE_QUEUE_TIME", Seconds, "3600s", "How long a task waits for an agent that takes it before it is a dead letter") { Group = Bridge, Least = 1, Most = 7 * 86_400 },
        new("AF_BRIDGE_OFFLINE_AFTER", Seconds, "300s", "Silence after which an agent is offline") { Group = Bridge, Least = 1, Most = 86_400 },
        new("AF_BRIDGE_SWEEP", Seconds, "60s", "How often silent agents are looked for") { Group = Bridge, Least = 0.1, Most = 3600 },
        new("AF_BRIDGE_RETENTION", Days, "30d", "How long tasks that have ended, and events, are kept") { Group = Bridge, Most = 36_500 },

        new("AF_CONFIG", Text, "agentflow.yml", "The file with the settings") { Group = Here, IsEnvironmentOnly = true },
        new("AF_SERVER", Text, "", "The server that `af` talks to; without one the engine works inside of `af`") { Group = Here, IsEnvironmentOnly = true },
        new("AF_TENANT", Text, "default", "The tenant that `af` acts in") { Group = Here, IsEnvironmentOnly = true },
        new("AF_TOKEN", Text, "", "The API key or token that `af` shows to the server") { Group = Here, IsSecret = true, IsEnvironmentOnly = true },
        new("AF_DEBUG", Text, "", "Any value: `af` prints whole exceptions") { Group = Here, IsEnvironmentOnly = true },
        new("AF_SQLITE_ENGINE", Word, "auto", "Which SQLite library is used") { Group = Here, Words = ["auto", "bundled", "system"], IsEnvironmentOnly = true },
        new("AF_ENV_", Text, "", "`AF_ENV_REGION` is what workflows read as `env.REGION`") { Group = Here, IsEnvironmentOnly = true },
    ];

    private static readonly Dictionary<string, Setting> ByName = All.ToDictionary(s => s.Name, StringComparer.Ordinal);

    /// <summary>A setting, or the family that a name belongs to.</summary>
    /// <param name="name"><c>AF_…</c>.</param>
    public static Setting? Find(string name) =>
        ByName.GetValueOrDefault(name) is { IsFamily: false } own ? own : All.FirstOrDefault(s => s.IsFamily && name.Length > s.Name.Length && name.StartsWith(s.Name, StringComparison.Ordinal));

    internal static Setting Of(string name) => ByName[name];

    private static string? Dsn(string text)
    {
        try
        {
            StoreAddress.Parse(text);
            return null;
        }
        catch (FormatException e)
        {
            return e.Message;
        }
    }

    private static string? Listen(string text) => ListenAddress.Parse(text, out string problem) is null ? problem : null;

    // It may hold a token.
    private static string? Webhook(string text) => IsSafe(text) ? null : "it is no address for checkpoints; write https://…, or http:// on this machine";

    // Where a tenant's name will stand, any letter may.
    private static string? VaultAddress(string text) =>
        IsSafe(text.Replace("{tenant}", "x", StringComparison.Ordinal)) && !text.Contains('?') && !text.Contains('#') && !text.Contains('@') ? null : "write https://…, or http:// on this machine";

    private static bool IsSafe(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && (address.Scheme == Uri.UriSchemeHttps || (address.Scheme == Uri.UriSchemeHttp && address.IsLoopback));
}
