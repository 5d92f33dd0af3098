using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Engine.Definitions;

namespace AgentFlow.Engine.Secrets;

/// <summary>
/// Where the author of a definition wrote references into a step's input. Only there are they resolved: a reference that comes
/// with the data of a run, from a caller or a model, stays the text that it is.
/// </summary>
public sealed class SecretPlaces
{
    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = 256 };

    private readonly List<(object[] Path, SecretReference[] References)> _places = [];

    /// <summary>Nowhere.</summary>
    public static SecretPlaces None { get; } = new([]);

    /// <param name="literals">Texts of the definition, each with the property names and indexes that lead to it.</param>
    public SecretPlaces(IEnumerable<(object[] Path, string Text)> literals)
    {
        foreach (IGrouping<string, (object[] Path, string Text)> place in literals.Where(l => l.Text.Contains(SecretReference.Scheme, StringComparison.Ordinal)).GroupBy(l => string.Join('\0', l.Path)))
        {
            if (place.SelectMany(p => SecretReference.In(p.Text)).Distinct().ToArray() is { Length: > 0 } references)
            {
                _places.Add((place.First().Path, references));
            }
        }
    }

    /// <summary>The places in a value that no expression is in.</summary>
    public static SecretPlaces Of(JsonElement value) => new(ValueTemplate.TextsOf(value, []));

    public bool IsEmpty => _places.Count == 0;

    public IEnumerable<SecretReference> References => _places.SelectMany(p => p.References).Distinct();

    /// <summary>The input with the references at these places replaced by their values.</summary>
    /// <param name="input">UTF-8 JSON.</param>
    /// <param name="values">A reference without a value stays what it is.</param>
    public ReadOnlyMemory<byte> Fill(ReadOnlyMemory<byte> input, IReadOnlyDictionary<SecretReference, string> values)
    {
        JsonNode? root = JsonNode.Parse(input.Span, documentOptions: new JsonDocumentOptions { MaxDepth = 256 });
        foreach ((object[] path, SecretReference[] references) in _places)
        {
            JsonNode? at = root;
            foreach (object step in path)
            {
                at = (at, step) switch
                {
                    (JsonObject o, string name) => o[name],
                    (JsonArray a, int index) when index < a.Count => a[index],
                    _ => null,
                };
            }

            if (at is JsonValue value && value.TryGetValue(out string? text))
            {
                string filled = SecretReference.Replace(text, references.Where(values.ContainsKey).ToDictionary(r => r, r => values[r]));
                if (path.Length == 0)
                {
                    root = JsonValue.Create(filled);
                }
                else
                {
                    at.ReplaceWith(filled);
                }
            }
        }

        return JsonSerializer.SerializeToUtf8Bytes(root, Relaxed);
    }
}
