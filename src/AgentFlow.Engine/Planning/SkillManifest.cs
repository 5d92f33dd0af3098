using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Json;
using AgentFlow.Contracts.Planning;

namespace AgentFlow.Engine.Planning;

/// <param name="InputSchema"><see langword="null"/> when the manifest says nothing about the input.</param>
internal sealed record ManifestSkill(string Id, JsonElement? InputSchema, string Description = "");

/// <summary>A manifest whose form has been checked.</summary>
internal sealed class SkillManifest
{
    private readonly Dictionary<string, ManifestSkill> _skills = new(StringComparer.Ordinal);

    private SkillManifest(string contentHash) => ContentHash = contentHash;

    /// <summary>The hash of the manifest's canonical form.</summary>
    public string ContentHash { get; }

    /// <summary>In ordinal order of id, whatever the order in the manifest.</summary>
    public IEnumerable<ManifestSkill> Skills => _skills.Values.OrderBy(s => s.Id, StringComparer.Ordinal);

    public int Count => _skills.Count;

    public ManifestSkill? Find(string id) => _skills.GetValueOrDefault(id);

    public static bool TryRead(
        JsonElement json,
        [NotNullWhen(true)] out SkillManifest? manifest,
        [NotNullWhen(false)] out PlannerError? error)
    {
        manifest = null;
        error = null;
        if (json.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined) json = JsonElement.Parse("[]");
        if (json.ValueKind != JsonValueKind.Array)
        {
            error = Malformed($"The manifest is an array of skills, not a JSON {json.ValueKind.ToString().ToLowerInvariant()}.");
            return false;
        }

        try
        {
            manifest = new SkillManifest(CanonicalJson.Hash(json));
        }
        catch (CanonicalJsonException e)
        {
            error = Malformed($"The manifest has no canonical form: {e.Problem}");
            return false;
        }

        int index = 0;
        foreach (JsonElement entry in json.EnumerateArray())
        {
            if (!TryReadSkill(entry, out ManifestSkill? skill))
            {
                error = Malformed($"Entry {index} of the manifest is neither a skill's id nor an object with a non-empty text 'id' or 'skill_id'.");
            }
            else if (!manifest._skills.TryAdd(skill.Id, skill))
            {
                error = Malformed($"Entry {index} of the manifest has the id '{skill.Id}' of an earlier entry; remove one.");
            }

            if (error is not null) return false;
            index++;
        }

        return true;
    }

    private static bool TryReadSkill(JsonElement entry, [NotNullWhen(true)] out ManifestSkill? skill)
    {
        JsonElement id = entry;
        JsonElement? schema = null;
        string description = "";
        if (entry.ValueKind == JsonValueKind.Object)
        {
            if (!entry.TryGetProperty("id", out id) && !entry.TryGetProperty("skill_id", out id)) id = default;
            description = entry.TryGetProperty("description", out JsonElement words) && words.ValueKind == JsonValueKind.String ? words.GetString()! : "";
            if (entry.TryGetProperty("input_schema", out JsonElement declared) && declared.ValueKind == JsonValueKind.Object) schema = declared;
        }

        skill = id.ValueKind == JsonValueKind.String && id.GetString() is { } text && !string.IsNullOrWhiteSpace(text)
            ? new ManifestSkill(text, schema, description)
            : null;
        return skill is not null;
    }

    private static PlannerError Malformed(string message) => PlannerError.Of(ErrorCode.PlannerInvalidManifest, message);
}
