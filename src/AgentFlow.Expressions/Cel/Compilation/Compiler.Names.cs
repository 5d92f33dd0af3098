using AgentFlow.Expressions.Cel.Evaluation;
using AgentFlow.Expressions.Cel.Syntax;
using AgentFlow.Expressions.Cel.Values;

namespace AgentFlow.Expressions.Cel.Compilation;

internal sealed partial class Compiler
{
    private static readonly string[] RootScope = [""];

    /// <summary>Compiles selections and indexes down to their root, noting what they read of a variable.</summary>
    private Op Chain(Expr expression)
    {
        Reference(expression, isPresenceTest: false);
        return Steps(expression);
    }

    private Op Steps(Expr expression)
    {
        if (expression is Expr.Index index)
        {
            var operand = IsChain(index.Operand) ? Steps(index.Operand) : Compile(index.Operand);
            var key = Compile(index.Key);
            return Fold(new IndexOp(operand, key, index.IsOptional, index.Offset), operand, key);
        }

        // The plain names at the start of a chain resolve together: they may be one dotted name.
        var selects = new Stack<Expr.Select>();
        var root = expression;
        while (root is Expr.Select { IsOptional: false } select)
        {
            selects.Push(select);
            root = select.Operand;
        }

        var op = root is Expr.Name name ? Resolve(name, selects) : IsChain(root) ? Steps(root) : Compile(root);
        while (selects.TryPop(out var select))
        {
            op = Fold(new SelectOp(op, select.Field, select.Offset), op);
        }

        return op;
    }

    private static bool IsChain(Expr expression) => expression is Expr.Name or Expr.Select { IsOptional: false } or Expr.Index;

    /// <summary>Resolves a name, taking from <paramref name="selects"/> the fields that turn out to be part of it.</summary>
    private Op Resolve(Expr.Name name, Stack<Expr.Select> selects)
    {
        if (!name.IsAbsolute && TryLocal(name.Text, out var slot))
        {
            return new LocalOp(slot, name.Offset);
        }

        var scopes = name.IsAbsolute ? RootScope : _scopes;
        string[] segments = [name.Text, .. selects.Select(select => select.Field)];
        if (_known is not null)
        {
            return ResolveKnown(name, segments, scopes, selects);
        }

        var type = TypeNamed(segments, scopes, out var typeLength);
        if (type is null && segments.Length == 1 && scopes.Length == 1)
        {
            return new VariableOp(name.Text, _options.Container, name.Offset);
        }

        int[] offsets = [name.Offset, .. selects.Select(select => select.Offset)];
        selects.Clear();
        return new ResolveOp(segments, offsets, scopes, _options.Container, typeLength == segments.Length ? type : null);
    }

    private Op ResolveKnown(Expr.Name name, string[] segments, string[] scopes, Stack<Expr.Select> selects)
    {
        for (var length = segments.Length; length > 0; length--)
        {
            var candidate = string.Join('.', segments, 0, length);
            foreach (var scope in scopes)
            {
                if (_known!.Contains(scope + candidate))
                {
                    Drop(selects, length - 1);
                    return new VariableOp(scope + candidate, _options.Container, name.Offset);
                }
            }
        }

        if (TypeNamed(segments, scopes, out var typeLength) is { } type)
        {
            Drop(selects, typeLength - 1);
            return new ConstOp(type, name.Offset);
        }

        return Reject(
            CelErrorCodes.UnknownVariable,
            $"undeclared reference to '{name.Text}' (in container '{_options.Container}'){Suggestion.For(name.Text, _known!)}",
            name.Offset);
    }

    private static CelValue? TypeNamed(string[] segments, string[] scopes, out int length)
    {
        for (length = segments.Length; length > 0; length--)
        {
            foreach (var scope in scopes)
            {
                if (CelTypes.TryGet(scope + string.Join('.', segments, 0, length), out var type))
                {
                    return type;
                }
            }
        }

        return null;
    }

    private bool TryLocal(string name, out int slot)
    {
        for (var i = _locals.Count - 1; i >= 0; i--)
        {
            if (_locals[i].Name == name)
            {
                slot = _locals[i].Slot;
                return true;
            }
        }

        slot = -1;
        return false;
    }

    private void Reference(Expr expression, bool isPresenceTest)
    {
        var segments = new Stack<string>();
        var at = expression;
        while (true)
        {
            switch (at)
            {
                case Expr.Select { IsOptional: false } select:
                    segments.Push(select.Field);
                    at = select.Operand;
                    continue;
                case Expr.Index { Key: Expr.Literal { Value.Kind: CelKind.String } key } index:
                    segments.Push(key.Value.RawString);
                    at = index.Operand;
                    continue;
                case Expr.Index index:
                    // What follows a computed index is unknown; what precedes it is a path of its own.
                    segments.Clear();
                    isPresenceTest = false;
                    at = index.Operand;
                    continue;
                case Expr.Name name when name.IsAbsolute || !TryLocal(name.Text, out _):
                    segments.Push(name.Text);
                    var isType = segments.Count == 1 && !(_known?.Contains(name.Text) ?? false) && CelTypes.TryGet(name.Text, out _);
                    if (!isType)
                    {
                        _references.Add(new CelReference([.. segments], name.Offset, isPresenceTest));
                    }

                    return;
                default:
                    return;
            }
        }
    }

    private static void Drop(Stack<Expr.Select> selects, int count)
    {
        for (; count > 0; count--)
        {
            selects.Pop();
        }
    }
}
