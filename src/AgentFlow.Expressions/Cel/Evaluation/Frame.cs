namespace AgentFlow.Expressions.Cel.Evaluation;

/// <summary>What one evaluation carries along: its variables, what is left of its budget, and the variables of macros.</summary>
internal struct Frame
{
    public ICelVariables Variables;

    public CelValue[] Locals;

    public long Budget;

    public bool TryCharge(long units) => (Budget -= units) >= 0;
}
