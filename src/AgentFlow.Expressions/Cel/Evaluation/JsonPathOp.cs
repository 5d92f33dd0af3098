using AgentFlow.Expressions.Cel.Functions;
using AgentFlow.Expressions.JsonPath;

namespace AgentFlow.Expressions.Cel.Evaluation;

/// <summary><c>jsonpath</c> with a query known at compile time.</summary>
internal sealed class JsonPathOp(Op document, JsonPathQuery query, int offset) : Op(offset)
{
    public override CelValue Eval(ref Frame frame)
    {
        if (--frame.Budget < 0)
        {
            return TooExpensive();
        }

        var value = document.Eval(ref frame);
        if (value.IsError)
        {
            return value;
        }

        var nodes = JsonPathFunction.Select(value, query, ref frame);
        return nodes.IsError ? TooExpensive() : nodes;
    }
}
