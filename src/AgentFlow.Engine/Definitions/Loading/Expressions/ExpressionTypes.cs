using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Definitions.Loading.Plans;
using AgentFlow.Expressions.Cel;
using AgentFlow.Expressions.Cel.Analysis;

namespace AgentFlow.Engine.Definitions.Loading.Expressions;

/// <summary>What is known of the names of an expression, from the schemas of the workflow's input and of what its steps call.</summary>
internal sealed class ExpressionTypes(CelShape input, CelShape vars, PlanBodies bodies)
{
    private static readonly CelShape Error = CelShape.Of(CelKinds.Map) with
    {
        Fields = new Dictionary<string, CelShape>(StringComparer.Ordinal)
        {
            ["code"] = CelShape.Of(CelKinds.String),
            ["category"] = CelShape.Of(CelKinds.String) with { Values = [.. Enum.GetValues<ErrorCategory>().Select(c => CelValue.String(ErrorCategories.Word(c)))] },
            ["message"] = CelShape.Of(CelKinds.String),
            ["retryable"] = CelShape.Of(CelKinds.Bool),
        },
    };

    private static readonly CelShape Status = CelShape.Of(CelKinds.String) with
    {
        Values = [.. new[] { "running", "succeeded", "failed", "cancelled", "skipped" }.Select(CelValue.String)],
    };

    private readonly Dictionary<IStepOrder, CelShape> _steps = [];

    /// <param name="place">Where the expression stands.</param>
    public CelShape Of(string name, StepScope place, bool isCondition) => name switch
    {
        "input" => input,
        "vars" => vars,
        "steps" => Steps(place),
        // A condition behind a state or step is asked when that has succeeded; elsewhere anything may have ended last.
        "output" when isCondition && place is { AfterReader: true, Reader: { } reader } => bodies.OutputOf(place.Steps, reader),
        "error" => Error.OrNull(),
        _ => CelShape.Any,
    };

    private CelShape Steps(StepScope place)
    {
        if (_steps.TryGetValue(place.Steps, out CelShape? known))
        {
            return known;
        }

        var fields = new Dictionary<string, CelShape>(StringComparer.Ordinal);
        for (StepScope? scope = place; scope is not null; scope = scope.Outer)
        {
            foreach (string id in scope.Steps.Ordinals.Keys)
            {
                fields.TryAdd(id, CelShape.Of(CelKinds.Map) with
                {
                    Fields = new Dictionary<string, CelShape>(StringComparer.Ordinal)
                    {
                        ["output"] = bodies.OutputOf(scope.Steps, id).OrNull(),
                        ["status"] = Status,
                        ["error"] = Error.OrNull(),
                        ["visits"] = CelShape.Of(CelKinds.Number) with { Least = 0 },
                    },
                });
            }
        }

        return _steps[place.Steps] = CelShape.Of(CelKinds.Map) with { Fields = fields };
    }
}
