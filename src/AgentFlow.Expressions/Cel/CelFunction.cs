using AgentFlow.Expressions.Cel.Evaluation;

namespace AgentFlow.Expressions.Cel;

/// <summary>
/// The body of a host function. Receives evaluated arguments, none of which is an error; a method's receiver comes first.
/// Returns its result, or <see cref="CelValue.Error(string, string)"/>; must not throw, block or have side effects.
/// </summary>
public delegate CelValue CelFunctionBody(ReadOnlySpan<CelValue> arguments, ref CelCall call);

/// <summary>A function that the host adds to the language.</summary>
/// <param name="MinArguments">Fewest arguments, the receiver of a method included.</param>
/// <param name="MaxArguments">Most arguments, the receiver of a method included.</param>
/// <param name="Body">What it computes.</param>
/// <param name="Style">How it may be called.</param>
public sealed record CelFunction(int MinArguments, int MaxArguments, CelFunctionBody Body, CelCallStyle Style = CelCallStyle.Function);

/// <summary>How a function may be called.</summary>
[Flags]
public enum CelCallStyle
{
    /// <summary><c>f(a, b)</c></summary>
    Function = 1,

    /// <summary><c>a.f(b)</c></summary>
    Method = 2,

    Both = Function | Method,
}

/// <summary>The evaluation in which a host function is called.</summary>
public readonly ref struct CelCall
{
    private readonly ref Frame _frame;

    internal CelCall(ref Frame frame) => _frame = ref frame;

    /// <summary>The variables of the evaluation, for functions about the run rather than about their arguments.</summary>
    public ICelVariables Variables => _frame.Variables;

    /// <summary>
    /// Charges work to the evaluation's budget. False when the budget is used up: the function returns at once, with
    /// any value, and the evaluation ends with <see cref="CelErrorCodes.CostExceeded"/>.
    /// </summary>
    public bool TryCharge(long units) => _frame.TryCharge(units);
}
