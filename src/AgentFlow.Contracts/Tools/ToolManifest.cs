using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using AgentFlow.Contracts.Json;

namespace AgentFlow.Contracts.Tools;

/// <summary>What is wrong with a manifest.</summary>
/// <param name="Pointer">JSON pointer into the text; empty for the whole.</param>
public sealed record ManifestProblem(string Pointer, string Message)
{
    public override string ToString() => Pointer.Length == 0 ? Message : $"{Pointer}: {Message}";
}

/// <summary>
/// Contracts as JSON: one object, an array, or an object with a <c>version</c> of its own and the contracts under
/// <c>tools</c>, <c>skills</c> or <c>items</c>.
/// </summary>
public sealed record ToolManifest
{
    private const int MaxDepth = 256;

    /// <summary>The version of the set as a whole; <see langword="null"/> when it has none.</summary>
    public SemanticVersion? Version { get; init; }

    public required IReadOnlyList<ToolContract> Contracts { get; init; }

    /// <summary>Reads a manifest; when that fails, the list has everything that is wrong with it.</summary>
    public static bool TryParse(
        ReadOnlyMemory<byte> utf8, [NotNullWhen(true)] out ToolManifest? manifest, out IReadOnlyList<ManifestProblem> problems)
    {
        manifest = null;
        var found = new List<ManifestProblem>();
        problems = found;
        try
        {
            using JsonDocument document = JsonDocument.Parse(utf8, new JsonDocumentOptions { MaxDepth = MaxDepth, AllowDuplicateProperties = false });

            // Lone surrogates and numbers beyond the doubles would make comparing and printing throw later.
            CanonicalJson.Hash(document.RootElement);
            manifest = Read(document.RootElement.Clone(), found);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a name with a lone surrogate.
            found.Add(new ManifestProblem("", $"Not JSON: {e.Message}"));
        }
        catch (CanonicalJsonException e)
        {
            found.Add(new ManifestProblem("", e.Message));
        }

        if (found.Count > 0) manifest = null;
        return manifest is not null;
    }

    private static ToolManifest Read(JsonElement root, List<ManifestProblem> problems)
    {
        SemanticVersion? version = null;
        JsonElement list = root;
        string pointer = "";
        if (root.ValueKind == JsonValueKind.Object)
        {
            foreach (string name in (string[])["tools", "skills", "items"])
            {
                if (!root.TryGetProperty(name, out JsonElement contracts) || contracts.ValueKind != JsonValueKind.Array) continue;
                list = contracts;
                pointer = $"/{name}";
                if (root.TryGetProperty("version", out _)) version = new ContractReader(root, "", problems).Version();
                break;
            }
        }

        if (list.ValueKind == JsonValueKind.Object) return new ToolManifest { Contracts = [new ContractReader(list, "", problems).Read()] };
        if (list.ValueKind != JsonValueKind.Array)
        {
            problems.Add(new ManifestProblem("", "A manifest is a tool's contract, or an array of them."));
            return new ToolManifest { Contracts = [] };
        }

        var read = new Dictionary<string, ToolContract>(StringComparer.Ordinal);
        int index = 0;
        foreach (JsonElement item in list.EnumerateArray())
        {
            string place = $"{pointer}/{index++}";
            ToolContract contract = new ContractReader(item, place, problems).Read();
            if (!read.TryAdd(contract.Id, contract) && contract.Id.Length > 0)
            {
                problems.Add(new ManifestProblem($"{place}/id", $"'{contract.Id}' stands twice; remove one."));
            }
        }

        return new ToolManifest { Version = version, Contracts = [.. read.Values] };
    }
}
