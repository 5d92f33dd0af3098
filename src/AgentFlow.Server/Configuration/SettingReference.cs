using System.Text;
using AgentFlow.Server.Features.Config;

namespace AgentFlow.Server.Configuration;

/// <summary>The schema as a page for readers: docs/reference/settings.md.</summary>
public static class SettingReference
{
    private const string Head = """
        # Settings

        Written by `af config reference`; do not edit.

        A setting stands in `agentflow.yml` under its key, in the environment as `AF_` and the key in upper case, and, where the table says so, is set
        by a tenant or for one workflow with `af config set`. Later ones win: default, `agentflow.yml`, environment, tenant, workflow. What cannot be used
        stops the start with a message that names the place and the remedy. *At once*: a change in the file or by a tenant takes effect while the server
        runs; everything else at its next start. How it works: [configuration](../architecture/configuration.md).

        """;

    public static string Markdown()
    {
        var text = new StringBuilder(Head.ReplaceLineEndings("\n"));
        foreach (IGrouping<string, Setting> group in SettingSchema.All.GroupBy(s => s.Group))
        {
            text.Append("\n## ").Append(group.Key).Append("\n\n| key | takes | default | changes | set by | meaning |\n| --- | --- | --- | --- | --- | --- |\n");
            foreach (Setting setting in group)
            {
                string key = setting.IsEnvironmentOnly ? setting.Name + (setting.IsFamily ? "…" : "") : setting.Key + (setting.IsFamily ? "…" : "");
                string by = setting.IsEnvironmentOnly ? "environment" : setting.Scope switch { SettingScope.Tenant => "deployment, tenant", SettingScope.Workflow => "deployment, tenant, workflow", _ => "deployment" };
                text.Append("| `").Append(key).Append("` | ").Append(SettingView.TakesOf(setting).Replace(" | ", ", ", StringComparison.Ordinal)).Append(" | ")
                    .Append(setting.Default.Length == 0 ? "" : $"`{setting.Default}`").Append(" | ").Append(setting.IsLive ? "at once" : "at restart").Append(" | ").Append(by).Append(" | ").Append(setting.Summary).Append(" |\n");
            }
        }

        return text.ToString();
    }
}
