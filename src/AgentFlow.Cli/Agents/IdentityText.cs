using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.Agents;

/// <summary>Writes an agent as the file that it could have been imported from: importing it again changes nothing.</summary>
internal static partial class IdentityText
{
    private static readonly string[] OfCapabilities = ["allowed_tools", "restricted_tools", "max_file_operations", "max_execution_time", "memory_access"];

    // Keys that the file has for something else.
    private static readonly string[] Placed = ["agent_id", "name", "kind", "role", "metadata", "capabilities", "constraints", "permissions", "budget", "description", "version", "type", "color", "tags"];

    public static string Of(Agent agent)
    {
        var text = new StringBuilder("---\n");
        Line(text, 0, "name", Quoted(agent.Name));
        Line(text, 0, "agent_id", agent.AgentId);
        if (agent.Kind != "llm")
        {
            Line(text, 0, "kind", agent.Kind);
        }

        if (agent.Role.Length > 0)
        {
            Line(text, 0, "role", agent.Role);
        }

        Mapping(text, "metadata", agent.Metadata.EnumerateObject().Where(m => m.Name is not ("category" or "specialist")));
        WritePermissions(text, agent);
        WriteBudget(text, agent.Budget.Limits);
        foreach (JsonProperty member in (agent.Definition is { ValueKind: JsonValueKind.Object } definition ? definition.EnumerateObject() : default).Where(m => !Placed.Contains(m.Name)))
        {
            Value(text, 0, Key(member.Name) + ":", member.Value);
        }

        return text.Append("---\n\n").Append((agent.Instructions ?? "").Trim('\n')).Append('\n').ToString();
    }

    private static void WritePermissions(StringBuilder text, Agent agent)
    {
        if (agent.Permissions.ValueKind == JsonValueKind.Array)
        {
            Value(text, 0, "permissions:", agent.Permissions);
        }

        JsonProperty[] permissions = agent.Permissions.ValueKind == JsonValueKind.Object ? [.. agent.Permissions.EnumerateObject()] : [];
        bool isList = agent.Capabilities.Count > 0;
        if (isList)
        {
            text.Append("capabilities:\n");
            foreach (string capability in agent.Capabilities)
            {
                text.Append("  - ").Append(Quoted(capability)).Append('\n');
            }
        }
        else
        {
            Mapping(text, "capabilities", permissions.Where(p => OfCapabilities.Contains(p.Name)));
        }

        Mapping(text, "constraints", permissions.Where(p => isList || !OfCapabilities.Contains(p.Name)));
    }

    private static void WriteBudget(StringBuilder text, AgentAmounts limits)
    {
        if (limits == new AgentAmounts())
        {
            return;
        }

        text.Append("budget:\n");
        foreach ((string name, decimal? limit) in new (string, decimal?)[] { ("tokens", limits.Tokens), ("api_calls", limits.ApiCalls), ("usd", limits.Usd) })
        {
            if (limit is { } amount)
            {
                Line(text, 2, name, amount.ToString(CultureInfo.InvariantCulture));
            }
        }
    }

    private static void Mapping(StringBuilder text, string key, IEnumerable<JsonProperty> members)
    {
        JsonProperty[] all = [.. members];
        if (all.Length > 0)
        {
            text.Append(key).Append(":\n");
            foreach (JsonProperty member in all)
            {
                Value(text, 2, Key(member.Name) + ":", member.Value);
            }
        }
    }

    /// <param name="start">What stands before the value: a key, or the dash of an item.</param>
    private static void Value(StringBuilder text, int indent, string start, JsonElement value)
    {
        text.Append(' ', indent).Append(start);
        switch (value.ValueKind)
        {
            case JsonValueKind.Object when value.EnumerateObject().Any():
                text.Append('\n');
                foreach (JsonProperty member in value.EnumerateObject())
                {
                    Value(text, indent + 2, Key(member.Name) + ":", member.Value);
                }

                break;
            case JsonValueKind.Array when value.GetArrayLength() > 0:
                text.Append('\n');
                foreach (JsonElement item in value.EnumerateArray())
                {
                    Value(text, indent + 2, "-", item);
                }

                break;
            case JsonValueKind.Object:
                text.Append(" {}\n");
                break;
            case JsonValueKind.Array:
                text.Append(" []\n");
                break;
            case JsonValueKind.String:
                text.Append(' ').Append(Quoted(value.GetString()!)).Append('\n');
                break;
            default:
                text.Append(' ').Append(value.GetRawText()).Append('\n');
                break;
        }
    }

    private static void Line(StringBuilder text, int indent, string key, string value) => text.Append(' ', indent).Append(key).Append(": ").Append(value).Append('\n');

    private static string Key(string name) => PlainKey.IsMatch(name) ? name : Quoted(name);

    /// <summary>Plain where nobody could take it for something else; a JSON string is one of YAML, too.</summary>
    private static string Quoted(string text) => PlainText.IsMatch(text) && !Words.IsMatch(text) ? text : JsonOutput.Text(text, CliJson.Default.String, indented: false);

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_-]*$")]
    private static partial Regex PlainKey { get; }

    [GeneratedRegex(@"^[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_.,/()-]+)*$")]
    private static partial Regex PlainText { get; }

    [GeneratedRegex("^(true|false|null|yes|no|on|off|y|n)$", RegexOptions.IgnoreCase)]
    private static partial Regex Words { get; }
}
