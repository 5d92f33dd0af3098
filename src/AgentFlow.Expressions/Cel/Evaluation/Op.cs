namespace AgentFlow.Expressions.Cel.Evaluation;

/// <summary>A compiled node. Immutable, shared by all evaluations of its expression.</summary>
/// <param name="offset">Where in the source its errors point.</param>
internal abstract class Op(int offset)
{
    public int Offset => offset;

    /// <summary>Computes the node's value; a value of kind error when it has none. Never throws for what an expression does.</summary>
    public abstract CelValue Eval(ref Frame frame);

    protected CelValue Fail(string code, string message) => CelValue.Error(new CelError(code, message, offset));

    /// <summary>The end of an evaluation that used up its budget.</summary>
    protected CelValue TooExpensive() => Fail(CelErrorCodes.CostExceeded, "the evaluation exceeds its cost limit");
}
