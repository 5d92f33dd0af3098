using System.Text.Json;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Expressions.JsonSchema;

namespace AgentFlow.Engine.Definitions.Loading.Parts;

/// <summary>Collects what payloads of signals must look like: from <c>signals</c>, and from the waits.</summary>
internal sealed class SignalSchemas(Findings findings)
{
    private readonly Dictionary<string, JsonSchema> _declared = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _texts = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, JsonSchema> Declared => _declared;

    /// <summary>Reads the top level's <c>signals</c>.</summary>
    public void Read(Fields workflow)
    {
        if (workflow.Mapping("signals", "'signals: { approved: { type: boolean } }'") is not { } mapping)
        {
            return;
        }

        foreach (YamlEntry entry in mapping.Entries)
        {
            if (!Names.Signal.IsMatch(entry.Key.Text))
            {
                findings.Error(entry.Key, DiagnosticCodes.InvalidName, $"'{Excerpt.Of(entry.Key.Text)}' cannot be the name of a signal.", Names.SignalRemedy);
            }
            else
            {
                Add(entry.Key.Text, entry.Key, entry.Value);
            }
        }
    }

    /// <summary>Reads the <c>schema</c> of a wait.</summary>
    public void Read(Fields wait, YamlScalar? signal)
    {
        if (wait.Entry("schema") is not { } entry)
        {
            return;
        }

        if (!wait.Has("signal"))
        {
            wait.Refuse("schema", "without 'signal'", "Remove it, or name the signal.");
        }
        else if (signal is not null)
        {
            Add(signal.Text, entry.Key, entry.Value);
        }
    }

    private void Add(string signal, YamlScalar key, YamlNode value)
    {
        if (value is not YamlMapping)
        {
            findings.Error(value, DiagnosticCodes.WrongType, $"Expected a JSON Schema, found {value.Describe()}.", "Write a schema: '{ type: object, required: [ok] }'.");
            return;
        }

        JsonElement schema = YamlJson.ToElement(value, findings);
        if (!JsonSchema.TryCompile(schema, out JsonSchema? compiled, out IReadOnlyList<SchemaError> problems))
        {
            foreach ((YamlNode place, string problem) in YamlPointer.Places(key, value, problems.Select(p => (p.Location, p.Message))))
            {
                findings.Error(place, DiagnosticCodes.InvalidSchema, $"This is not JSON Schema: {Excerpt.Line(problem).TrimEnd('.')}.", "Write JSON Schema, draft 2020-12.");
            }

            return;
        }

        if (_texts.TryGetValue(signal, out string? known) && known != schema.GetRawText())
        {
            findings.Error(key, DiagnosticCodes.ConflictingKeys, $"The signal '{Excerpt.Of(signal)}' has another schema already.", "A signal has one schema: declare it once, under 'signals' of the workflow.");
            return;
        }

        _texts[signal] = schema.GetRawText();
        _declared[signal] = compiled;
    }
}
