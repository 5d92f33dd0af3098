using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Json;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Definitions.Loading.Yaml;

namespace AgentFlow.Engine.Agents.Import;

/// <summary>
/// Makes an identity of its front matter. Keys that the registry knows get their places; all others are kept as they are, under
/// <c>definition</c>.
/// </summary>
internal sealed class IdentityReader(string path, Findings findings)
{
    private const decimal MaxLimit = 1_000_000_000_000_000;

    // What stands under a key of its own in the registry.
    private static readonly HashSet<string> Placed = ["agent_id", "name", "kind", "role", "metadata", "capabilities", "constraints", "permissions", "budget", .. Described];

    private static readonly string[] Mappings = ["metadata", "constraints", "behavior", "communication", "integration", "optimization", "budget"];

    private static readonly string[] Lists = ["allowed_tools", "restricted_tools", "allowed_paths", "forbidden_paths", "allowed_file_types", "can_spawn", "can_delegate_to", "requires_approval_from", "shares_context_with"];

    /// <summary>Keys of the front matter that become part of the metadata.</summary>
    private static string[] Described => ["description", "version", "type", "color", "tags"];

    public RegisteredAgent Read(YamlMapping front, string instructions)
    {
        string name = Name(front);
        CheckShapes(front);
        string[] folders = path.Split('/')[..^1];
        var agent = new RegisteredAgent(Id(front), name, Word(front, "kind", [.. AgentKinds.All.Where(k => k != AgentKinds.Remote)]) ?? AgentKinds.Llm)
        {
            Role = Word(front, "role", AgentRoles.All) ?? (Text(front, "type") is { } type && AgentRoles.All.Contains(type) ? type : ""),
            Category = folders is [var first, ..] ? first : "",
            Specialist = folders is [.., var last] ? last : "",
            Capabilities = Capabilities(front),
            Budget = Budget(front),
        };
        return findings.HasErrors ? agent : WithDocument(agent, front, instructions);
    }

    /// <summary>The hash says what the identity is, not how its file is written nor where among its siblings it stands.</summary>
    private RegisteredAgent WithDocument(RegisteredAgent agent, YamlMapping front, string instructions)
    {
        AgentDocument document = Document(front, instructions);
        byte[] meaning = CanonicalJson.Canonicalize(document.ToPayload().Utf8.Span);
        var whole = new ArrayBufferWriter<byte>(meaning.Length + 512);
        using (var writer = new Utf8JsonWriter(whole))
        {
            writer.WriteStartArray();
            foreach (string part in (string[])[agent.Name, agent.Kind, agent.Role, agent.Category, agent.Specialist, string.Join('\n', agent.Capabilities), Limit(agent.Budget.Tokens), Limit(agent.Budget.ApiCalls), Limit(agent.Budget.NanoDollars)])
            {
                writer.WriteStringValue(part);
            }

            writer.WriteRawValue(meaning);
            writer.WriteEndArray();
        }

        return agent with { Document = (document with { Source = path }).ToPayload(), Digest = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(whole.WrittenSpan)) };
    }

    private static string Limit(long? limit) => limit?.ToString(CultureInfo.InvariantCulture) ?? "";

    private AgentDocument Document(YamlMapping front, string instructions)
    {
        var metadata = Find(front, "metadata") as YamlMapping;
        IReadOnlyList<YamlEntry> capabilities = (Find(front, "capabilities") as YamlMapping)?.Entries ?? [];
        IReadOnlyList<YamlEntry> constraints = (Find(front, "constraints") as YamlMapping)?.Entries ?? [];
        return new AgentDocument
        {
            Metadata = Json(Described.Where(k => metadata?.FindEntry(k) is null).Select(front.FindEntry).OfType<YamlEntry>().Concat(metadata?.Entries ?? [])),
            Permissions = Find(front, "permissions") is { } granted and not YamlScalar ? Encoding.UTF8.GetBytes(YamlJson.ToElement(granted, findings).GetRawText()) : Json(capabilities.Concat(constraints.Where(c => capabilities.All(o => o.Key.Text != c.Key.Text)))),
            Definition = Json(front.Entries.Where(e => !Placed.Contains(e.Key.Text))),
            Instructions = instructions,
        };
    }

    private byte[] Json(IEnumerable<YamlEntry> entries)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        writer.WriteStartObject();
        foreach (YamlEntry entry in entries)
        {
            writer.WritePropertyName(entry.Key.Text);
            // Versions are texts, however they are written.
            if (entry is { Key.Text: "version", Value: YamlScalar { Kind: ScalarKind.Integer or ScalarKind.Float } version })
            {
                writer.WriteStringValue(version.Text);
            }
            else
            {
                YamlJson.ToElement(entry.Value, findings).WriteTo(writer);
            }
        }

        writer.WriteEndObject();
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private string Name(YamlMapping front)
    {
        if (front.FindEntry("name") is not { } entry)
        {
            findings.Error(front, DiagnosticCodes.MissingKey, "The identity has no 'name'.", "Add 'name:' with a name that no other agent of the tenant has.");
            return "";
        }

        if (entry.Value is not YamlScalar { Kind: not ScalarKind.Null } scalar)
        {
            findings.Error(entry.Value, DiagnosticCodes.WrongType, $"'name' is {entry.Value.Describe()}, not text.", "Give a name.");
            return "";
        }

        if (AgentName.Problem(scalar.Text) is { } problem)
        {
            findings.Error(scalar, DiagnosticCodes.UnknownValue, $"'{Excerpt.Of(scalar.Text)}' is no name: {problem}.", "Give another name.");
        }

        return scalar.Text;
    }

    private string Id(YamlMapping front)
    {
        if (Find(front, "agent_id") is not { } node)
        {
            return "";
        }

        if (node is YamlScalar scalar && Guid.TryParseExact(scalar.Text, "D", out Guid id))
        {
            return id.ToString("D");
        }

        findings.Error(node, DiagnosticCodes.UnknownValue, "'agent_id' is no UUID.", "Give one such as 3f2b8c1e-5d47-4a6f-9b0e-2c7d1a8e6f54, or leave it out.");
        return "";
    }

    private string[] Capabilities(YamlMapping front)
    {
        if (Find(front, "capabilities") is not YamlSequence list)
        {
            return [];
        }

        var found = new SortedSet<string>(StringComparer.Ordinal);
        foreach (YamlNode item in list.Items)
        {
            string? problem = item is YamlScalar { Kind: not ScalarKind.Null } scalar ? AgentName.CapabilityProblem(scalar.Text) : $"it is {item.Describe()}";
            if (problem is not null)
            {
                findings.Error(item, DiagnosticCodes.WrongType, $"This is no capability: {problem}.", "Give names such as doc.read, or a mapping with 'allowed_tools'.");
            }
            else
            {
                found.Add(((YamlScalar)item).Text);
            }
        }

        if (found.Count > AgentName.MaxCapabilities)
        {
            findings.Error(list, DiagnosticCodes.WrongType, $"There are more than {AgentName.MaxCapabilities} capabilities.", "Keep the ones by which the agent is to be found.");
        }

        return [.. found];
    }

    private AgentBudget Budget(YamlMapping front)
    {
        if (Find(front, "budget") is not YamlMapping budget)
        {
            return new AgentBudget();
        }

        foreach (YamlEntry entry in budget.Entries.Where(e => !MetricTypes.OfCosts.Contains(e.Key.Text)))
        {
            findings.Error(entry.Key, DiagnosticCodes.UnknownKey, $"'{Excerpt.Of(entry.Key.Text)}' is no budget.", findings.Suggest(entry.Key.Text, MetricTypes.OfCosts) + $"Limits are {string.Join(", ", MetricTypes.OfCosts)}.");
        }

        return new AgentBudget(Amount(budget, MetricTypes.Tokens, 1), Amount(budget, MetricTypes.ApiCalls, 1), Amount(budget, MetricTypes.Dollars, 1_000_000_000));
    }

    private long? Amount(YamlMapping budget, string key, long factor)
    {
        if (Find(budget, key) is not { } node)
        {
            return null;
        }

        if (node is YamlScalar { Kind: ScalarKind.Integer or ScalarKind.Float } scalar
            && decimal.TryParse(scalar.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal amount)
            && amount >= 0 && amount <= MaxLimit / factor && decimal.IsInteger(amount * factor))
        {
            return (long)(amount * factor);
        }

        findings.Error(node, DiagnosticCodes.WrongType, $"'{key}' is no amount.", factor == 1 ? "Give a whole number from 0." : "Give dollars from 0, such as 2.50.");
        return null;
    }

    /// <summary>What decides over permissions must not be misread in silence.</summary>
    private void CheckShapes(YamlMapping front)
    {
        foreach (YamlEntry entry in front.Entries.Where(e => Mappings.Contains(e.Key.Text) && e.Value is not (YamlMapping or YamlScalar { Kind: ScalarKind.Null })))
        {
            findings.Error(entry.Value, DiagnosticCodes.WrongType, $"'{entry.Key.Text}' is {entry.Value.Describe()}, not a mapping.", "Write its keys below it, indented.");
        }

        if (front.FindEntry("capabilities") is { Value: not (YamlMapping or YamlSequence or YamlScalar { Kind: ScalarKind.Null }) } capabilities)
        {
            findings.Error(capabilities.Value, DiagnosticCodes.WrongType, $"'capabilities' is {capabilities.Value.Describe()}, neither a mapping nor a list.", "Write 'allowed_tools' and its siblings below it, or a list of names.");
        }

        foreach (YamlEntry entry in ((string[])["capabilities", "constraints", "integration"]).Select(k => Find(front, k)).OfType<YamlMapping>().SelectMany(m => m.Entries).Where(e => Lists.Contains(e.Key.Text)))
        {
            if (entry.Value is not (YamlSequence or YamlScalar { Kind: ScalarKind.Null }))
            {
                findings.Error(entry.Value, DiagnosticCodes.WrongType, $"'{entry.Key.Text}' is {entry.Value.Describe()}, not a list.", "Write a list: [Read, Write].");
            }
            else if ((entry.Value as YamlSequence)?.Items.FirstOrDefault(i => i is not YamlScalar { Kind: not ScalarKind.Null }) is { } odd)
            {
                findings.Error(odd, DiagnosticCodes.WrongType, $"'{entry.Key.Text}' lists {odd.Describe()}, which is no text.", "List texts; quote those that hold ': '.");
            }
        }

        if (front.FindEntry("permissions") is { Value: YamlScalar { Kind: not ScalarKind.Null } } permissions)
        {
            findings.Error(permissions.Value, DiagnosticCodes.WrongType, $"'permissions' is {permissions.Value.Describe()}, neither a mapping nor a list.", "Write a list: [files.read, files.write].");
        }

        foreach (string key in (string[])["type", "description"])
        {
            if (front.FindEntry(key) is null && (Find(front, "metadata") as YamlMapping)?.FindEntry(key) is null)
            {
                findings.Warning(front, DiagnosticCodes.MissingKey, $"The identity has no '{key}'.", key == "type" ? "Say what kind of agent it is." : "Say under 'metadata' what the agent is for.");
            }
        }
    }

    private string? Word(YamlMapping front, string key, IReadOnlyList<string> words)
    {
        if (Find(front, key) is not { } node)
        {
            return null;
        }

        if (node is YamlScalar scalar && words.Contains(scalar.Text))
        {
            return scalar.Text;
        }

        string text = (node as YamlScalar)?.Text ?? node.Describe();
        findings.Error(node, DiagnosticCodes.UnknownValue, $"'{Excerpt.Of(text)}' is no {key}.", findings.Suggest(text, words) + $"Give one of {string.Join(", ", words)}.");
        return null;
    }

    private static string? Text(YamlMapping front, string key) => (Find(front, key) as YamlScalar)?.Text;

    /// <summary>The value; <see langword="null"/> when there is none, or nothing behind the key.</summary>
    private static YamlNode? Find(YamlMapping mapping, string key) => mapping.FindEntry(key) is { Value: not YamlScalar { Kind: ScalarKind.Null } } entry ? entry.Value : null;
}
