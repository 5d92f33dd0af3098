using System.Runtime.CompilerServices;
using System.Text.Json;
using AgentFlow.Contracts.Tools;
using AgentFlow.Expressions.JsonSchema;

namespace AgentFlow.Engine.Definitions.Loading.Parts;

/// <summary>The compiled schemas of tool contracts, for as long as somebody holds the contract. Safe for concurrent use.</summary>
internal sealed class ToolSchemas
{
    private readonly ConditionalWeakTable<ToolContract, Entry> _entries = [];

    // More would say the same in other words.
    private const int ProblemsInMessage = 3;

    /// <summary>What is wrong, in one line; <see langword="null"/>: nothing.</summary>
    internal static string? Describe(SchemaResult result) =>
        result.Valid ? null : string.Join("; ", result.Errors.Take(ProblemsInMessage).Select(e => e.ToString().TrimEnd('.')));

    public Entry Of(ToolContract contract) => _entries.GetValue(contract, static c => new Entry(c));

    /// <summary>The two schemas of one contract; a schema that is not there accepts everything.</summary>
    internal sealed class Entry
    {
        public Entry(ToolContract contract)
        {
            Input = Compile(contract.InputSchema, "input");
            Output = Compile(contract.OutputSchema, "output");
        }

        public JsonSchema? Input { get; }

        public JsonSchema? Output { get; }

        /// <summary>What is wrong with the schemas themselves.</summary>
        public string? Problem { get; private set; }

        public Func<ReadOnlyMemory<byte>, string?>? InputValidator => Input is { } schema ? utf8 => Describe(schema.Validate(utf8)) : null;

        public Func<ReadOnlyMemory<byte>, string?>? OutputValidator => Output is { } schema ? utf8 => Describe(schema.Validate(utf8)) : null;

        private JsonSchema? Compile(JsonElement? schema, string which)
        {
            if (schema is null)
            {
                return null;
            }

            if (!JsonSchema.TryCompile(schema.Value, out JsonSchema? compiled, out IReadOnlyList<SchemaError> errors))
            {
                Problem ??= $"its {which} schema is not valid: {Excerpt.Line(errors[0].ToString()).TrimEnd('.')}";
            }

            return compiled;
        }
    }
}
