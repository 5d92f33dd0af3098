using AgentFlow.Expressions.Cel.Syntax;

namespace AgentFlow.Expressions.Cel.Evaluation;

internal static class Operators
{
    public static string SymbolOf(Operator op) => op switch
    {
        Operator.Not => "!",
        Operator.Negate or Operator.Subtract => "-",
        Operator.Add => "+",
        Operator.Multiply => "*",
        Operator.Divide => "/",
        Operator.Remainder => "%",
        Operator.Equal => "==",
        Operator.NotEqual => "!=",
        Operator.Less => "<",
        Operator.LessOrEqual => "<=",
        Operator.Greater => ">",
        Operator.GreaterOrEqual => ">=",
        _ => "in",
    };
}
