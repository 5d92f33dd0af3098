namespace AgentFlow.Expressions.Cel.Evaluation;

/// <summary>A value known at compile time.</summary>
internal sealed class ConstOp(CelValue value, int offset) : Op(offset)
{
    public CelValue Value => value;

    public override CelValue Eval(ref Frame frame) => value;
}

/// <summary>A variable of a macro.</summary>
internal sealed class LocalOp(int slot, int offset) : Op(offset)
{
    public override CelValue Eval(ref Frame frame) => frame.Locals[slot];
}

/// <summary>A variable that is looked up under one name.</summary>
internal sealed class VariableOp(string name, string container, int offset) : Op(offset)
{
    // Most evaluations fail for this reason, if for any; a shared value keeps `x || true` cheap.
    private readonly CelValue _unknown = CelValue.Error(new CelError(
        CelErrorCodes.UnknownVariable, $"undeclared reference to '{name}' (in container '{container}')", offset));

    public override CelValue Eval(ref Frame frame) => frame.Variables.TryGet(name, out var value) ? value : _unknown;
}

/// <summary>
/// A name, perhaps followed by selections, that nobody declared: <c>a.b.c</c> may be the variable <c>a.b.c</c>, a field
/// of <c>a.b</c> or one of <c>a</c>, each in every scope of the container. Decided at evaluation, longest name first.
/// </summary>
internal sealed class ResolveOp : Op
{
    private readonly string[] _segments;
    private readonly int[] _offsets;
    private readonly string[] _scopes;
    private readonly VariableOp _root;
    private readonly CelValue? _type;

    /// <param name="segments">The name's parts.</param>
    /// <param name="offsets">Where each part stands.</param>
    /// <param name="scopes">Prefixes with a trailing dot, innermost first; the last is empty.</param>
    /// <param name="type">The type that the whole name denotes unless a variable has it.</param>
    public ResolveOp(string[] segments, int[] offsets, string[] scopes, string container, CelValue? type)
        : base(offsets[0])
    {
        _segments = segments;
        _offsets = offsets;
        _scopes = scopes;
        _type = type;
        _root = new VariableOp(segments[0], container, offsets[0]);
    }

    public override CelValue Eval(ref Frame frame)
    {
        if (!frame.TryCharge(_segments.Length))
        {
            return TooExpensive();
        }

        var variables = frame.Variables;
        if (variables.HasQualifiedNames)
        {
            for (var length = _segments.Length; length > 0; length--)
            {
                var name = string.Join('.', _segments, 0, length);
                foreach (var scope in _scopes)
                {
                    if (variables.TryGet(scope + name, out var found))
                    {
                        return Fields(found, length);
                    }
                }
            }
        }
        else if (variables.TryGet(_segments[0], out var root))
        {
            return Fields(root, 1);
        }

        return _type ?? _root.Eval(ref frame);
    }

    private CelValue Fields(CelValue value, int from)
    {
        for (var i = from; i < _segments.Length; i++)
        {
            value = SelectOp.Select(value, _segments[i], _offsets[i]);
        }

        return value;
    }
}
