using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Runs;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Engine.Costs;

/// <summary>What expressions come to before a run begins: those that need only its input and the file's own values.</summary>
/// <param name="input">The run's input; <see langword="null"/>: not known.</param>
internal sealed class KnownBefore(WorkflowDefinition definition, Payload? input) : ICelVariables
{
    public bool TryGet(string name, out CelValue value)
    {
        value = name switch
        {
            "input" when input is not null => input.Value,
            "vars" => definition.Vars.Value,
            _ => default,
        };
        return name is "vars" || (name is "input" && input is not null);
    }

    /// <summary>What a template gives; <see langword="null"/>: only the run will know, or it fails.</summary>
    public Payload? Value(ValueTemplate? template) => template?.Render(this, out _);

    /// <summary>How many items a <c>foreach</c> will have; <see langword="null"/>: only the run will know. -1: what it gets is no list.</summary>
    public int? Items(ForeachNode each) => each.Items.WrittenItems ?? (Value(each.Items) is { } list ? Iterations.CountOf(list) ?? -1 : null);
}
