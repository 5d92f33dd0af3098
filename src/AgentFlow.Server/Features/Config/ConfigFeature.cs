using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Config;

/// <summary>The addresses under <c>/config</c>.</summary>
internal static class ConfigFeature
{
    private const string Tag = "Configuration";
    private const string Unchanged = "Unchanged since the ETag in `If-None-Match`.";
    private static readonly ErrorCode[] Writing = [ErrorCode.ConfigContended, ErrorCode.AuditUnavailable, ErrorCode.ValidationFailed, ErrorCode.JsonInvalid, ErrorCode.PayloadTooLarge, ErrorCode.UnsupportedMediaType];

    private static ParameterNote Workflow => new("workflow", "string", "As it holds for this workflow.");

    public static void MapConfig(this IEndpointRouteBuilder api, ConfigEndpoints config)
    {
        api.MapGet("/config", config.ListAsync)
            .Says("listConfig", Tag, "List the settings and the values that hold", "Each overrides the ones before: default, `agentflow.yml`, environment, tenant, workflow.")
            .Needs(Permission.ConfigRead)
            .Takes(ParameterNote.Size, ParameterNote.Cursor, Workflow, new ParameterNote("sort", "string", "The order.") { Words = ["key"], Default = "key" })
            .Gives<PageView<SettingView>>(200, "Settings by key.").Gives(304, Unchanged)
            .AuditsRead("config.read", "config").Fails();
        api.MapGet("/config/history", config.HistoryAsync)
            .Says("listConfigHistory", Tag, "List what the tenant has set, newest first")
            .Needs(Permission.ConfigRead)
            .Takes(ParameterNote.Size, ParameterNote.Cursor, new ParameterNote("sort", "string", "The order.") { Words = ["-version"], Default = "-version" })
            .Gives<PageView<ConfigVersionView>>(200, "Versions.").Gives(304, Unchanged)
            .AuditsRead("config.read", "config").Fails();
        api.MapGet("/config/version", config.WatchAsync)
            .Says("watchConfig", Tag, "Wait for a change", "Answers as soon as the tenant has a newer version than `after`, or the wait is over.")
            .Needs(Permission.ConfigRead)
            .Takes(new ParameterNote("after", "integer", "The version that is known.") { Least = 0, Default = "0" }, new ParameterNote("wait", "string", "How long to wait, such as `30s`; at most `60s`.") { Default = "0s" })
            .Gives<ConfigNowView>(200, "The version that holds now.")
            .AuditsRead("config.read", "config").Fails();
        api.MapPost("/config/rollback", config.RollBackAsync)
            .Says("rollbackConfig", Tag, "Make an earlier version hold again", "It becomes a new version; the history stays.")
            .Needs(Permission.ConfigWrite)
            .TakesBody<ConfigRollbackBody>(true)
            .Gives<ConfigNowView>(200, "The version that holds now.")
            .Audits("config.rollback", "config").Fails([.. Writing, ErrorCode.ConfigVersionNotFound]);
        api.MapGet("/config/{id}", config.GetAsync)
            .Says("getConfig", Tag, "Read one setting")
            .Needs(Permission.ConfigRead)
            .Takes(Workflow)
            .Gives<SettingView>(200, "The setting.").Gives(304, Unchanged)
            .AuditsRead("config.read", "config").Fails(ErrorCode.SettingNotFound);
        api.MapPut("/config/{id}", config.SetAsync)
            .Says("setConfig", Tag, "Set a setting for the tenant or for one workflow")
            .Needs(Permission.ConfigWrite)
            .TakesBody<ConfigSetBody>(true)
            .Gives<SettingView>(200, "The setting as it holds now.")
            .Audits("config.set", "config").Fails([.. Writing, ErrorCode.SettingNotFound, ErrorCode.SettingScope]);
    }
}
