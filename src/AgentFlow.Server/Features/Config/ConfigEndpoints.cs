using System.Globalization;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Text;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Http;
using Microsoft.Extensions.Hosting;

namespace AgentFlow.Server.Features.Config;

/// <summary>The settings that hold, who set them when, and setting them for a tenant or one of its workflows.</summary>
internal sealed class ConfigEndpoints(ConfigBook book, AuditRecorder audit, IHostApplicationLifetime lifetime)
{
    private const int MaxValue = 4000;
    private const int MaxName = 200;
    private static readonly TimeSpan MaxWait = TimeSpan.FromMinutes(1);

    public async Task ListAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        string workflow = query.Text("workflow") ?? "";
        query.Word("sort", "key");
        query.End();
        TenantConfig config = await book.OfAsync(tenant, cancellationToken).ConfigureAwait(false);
        Setting[] shown = [.. SettingSchema.All.Where(s => !s.IsFamily).OrderBy(s => s.Key, StringComparer.Ordinal)];
        await Reply.TaggedJsonAsync(
            context, PageView<SettingView>.Of(shown, page, descending: false, static s => s.Key, s => SettingView.Of(s, config, workflow)), ServerJson.Default.PageViewSettingView).ConfigureAwait(false);
    }

    public async Task GetAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        string workflow = query.Text("workflow") ?? "";
        query.End();
        Setting setting = Find(id);
        TenantConfig config = await book.OfAsync(tenant, cancellationToken).ConfigureAwait(false);
        await Reply.TaggedJsonAsync(context, SettingView.Of(setting, config, workflow), ServerJson.Default.SettingView).ConfigureAwait(false);
    }

    public async Task SetAsync(HttpContext context, string id, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        Setting setting = Find(id);
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        string? value = body.Text("value", MaxValue)?.Trim();
        string workflow = body.Text("workflow", MaxName) ?? "";
        if (value is not null && (value.Contains('\0') ? "it holds U+0000" : setting.Problem(value)) is { } problem)
        {
            body.Fault("value", $"'{value}' cannot be '{setting.Key}': {problem}");
        }

        body.End();
        if (setting.Scope == SettingScope.Deployment || (workflow.Length > 0 && setting.Scope != SettingScope.Workflow))
        {
            throw new ProblemException(ErrorCode.SettingScope, setting.Scope == SettingScope.Deployment
                ? $"'{setting.Key}' is one for the whole deployment: write {setting.Key} into agentflow.yml or {setting.Name} into the environment{(setting.IsLive ? "; the file is read again when it changes" : ", and restart the server")}."
                : $"'{setting.Key}' is set for a tenant and not for one workflow: leave 'workflow' out.");
        }

        var key = new ConfigKey(setting.Name, workflow);
        await RefuseContentionAsync(() => book.SetAsync(tenant, key, value, Caller.ActorOf(context), v => NoteAsync(context, tenant, "config.set", v), cancellationToken)).ConfigureAwait(false);
        TenantConfig config = await book.OfAsync(tenant, cancellationToken).ConfigureAwait(false);
        await Reply.JsonAsync(context, StatusCodes.Status200OK, SettingView.Of(setting, config, workflow), ServerJson.Default.SettingView).ConfigureAwait(false);
    }

    public async Task HistoryAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        PageRequest page = PageRequest.Read(query);
        query.Word("sort", "-version");
        query.End();
        long before = page.Cursor is not { } cursor ? long.MaxValue
            : long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out long last) ? last
            : throw ProblemException.Parameter("page[cursor]", "is no cursor of this list", "Pass the next_cursor of the page before.");
        IReadOnlyList<ConfigVersion> found = await book.HistoryAsync(tenant, before, page.Size, cancellationToken).ConfigureAwait(false);
        long total = (await book.OfAsync(tenant, cancellationToken).ConfigureAwait(false)).Version;
        bool more = found.Count == page.Size && found[^1].Version > 1;
        await Reply.TaggedJsonAsync(
            context,
            new PageView<ConfigVersionView>([.. found.Select(ConfigVersionView.Of)], more ? found[^1].Version.ToString(CultureInfo.InvariantCulture) : null, total),
            ServerJson.Default.PageViewConfigVersionView).ConfigureAwait(false);
    }

    public async Task RollBackAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        new QueryReader(context).End();
        JsonBody body = await JsonBody.ReadAsync(context).ConfigureAwait(false);
        ReadOnlyMemory<byte>? given = body.Value("version");
        long version = -1;
        if (given is not { } raw || !long.TryParse(raw.Span, NumberStyles.None, CultureInfo.InvariantCulture, out version))
        {
            body.Fault("version", "'version' is no version", "Give the number of a version from GET /api/v1/config/history, or 0.");
        }

        body.End();
        try
        {
            version = await RefuseContentionAsync(() => book.RollBackAsync(tenant, version, Caller.ActorOf(context), v => NoteAsync(context, tenant, "config.rollback", v), cancellationToken)).ConfigureAwait(false);
        }
        catch (ArgumentOutOfRangeException)
        {
            throw new ProblemException(ErrorCode.ConfigVersionNotFound, $"There is no version {version}. GET /api/v1/config/history lists them.");
        }

        await Reply.JsonAsync(context, StatusCodes.Status200OK, new ConfigNowView(version), ServerJson.Default.ConfigNowView).ConfigureAwait(false);
    }

    public async Task WatchAsync(HttpContext context, CancellationToken cancellationToken)
    {
        string tenant = Tenant.Of(context);
        var query = new QueryReader(context);
        long after = query.Number("after", 0, 0, long.MaxValue);
        TimeSpan wait = query.Duration("wait", MaxWait) ?? TimeSpan.Zero;
        query.End();
        Untimed.Mark(context);
        long version = await book.WaitAsync(tenant, after, wait, lifetime.ApplicationStopping, cancellationToken).ConfigureAwait(false);
        await Reply.JsonAsync(context, StatusCodes.Status200OK, new ConfigNowView(version), ServerJson.Default.ConfigNowView).ConfigureAwait(false);
    }

    /// <summary>Names and values: none of these settings is secret.</summary>
    private Task NoteAsync(HttpContext context, string tenant, string action, ConfigVersion version) => audit.AllowAsync(context, tenant, action, "config", d =>
    {
        string Told(ConfigChange c) => $"{Setting.KeyOf(c.Key.Setting)}{(c.Key.Workflow.Length == 0 ? "" : $" of {c.Key.Workflow}")}: {c.From ?? "(not set)"} -> {c.To ?? "(not set)"}";
        d.Text("changes"u8, string.Join("; ", version.Changes.Select(Told))).Number("version"u8, version.Version);
    });

    private static async Task<long> RefuseContentionAsync(Func<Task<long>> change)
    {
        try
        {
            return await change().ConfigureAwait(false);
        }
        catch (ConfigContendedException e)
        {
            throw new ProblemException(ErrorCode.ConfigContended, e.Message);
        }
    }

    private static Setting Find(string key) => SettingSchema.All.FirstOrDefault(s => !s.IsFamily && s.Key == key)
        ?? throw new ProblemException(ErrorCode.SettingNotFound, $"There is no such setting{NearWord.Hint(key, SettingSchema.All.Select(s => s.Key))}. GET /api/v1/config lists them.");
}
