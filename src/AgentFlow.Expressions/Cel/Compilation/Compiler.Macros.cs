using AgentFlow.Expressions.Cel.Evaluation;
using AgentFlow.Expressions.Cel.Syntax;

namespace AgentFlow.Expressions.Cel.Compilation;

internal sealed partial class Compiler
{
    /// <summary>Null when the call is no macro.</summary>
    private Op? Macro(Expr.Call call)
    {
        if (call.Target is null)
        {
            return call is { Function: "has", Arguments.Count: 1 } ? Has(call) : null;
        }

        if (call.Target is Expr.Name { Text: "cel" } && CelMacro(call) is { } expanded)
        {
            return expanded;
        }

        return (call.Function, call.Arguments.Count) switch
        {
            ("or" or "orValue", 1) => new OptionalOrOp(
                Compile(call.Target), Compile(call.Arguments[0]), unwraps: call.Function == "orValue", call.Offset),
            ("optMap" or "optFlatMap", 2) => OptionalMap(call),
            ("all" or "exists" or "exists_one" or "existsOne" or "map" or "filter", 2) => OneVariable(call),
            ("map", 3) => OneVariable(call),
            ("all" or "exists" or "exists_one" or "existsOne" or "transformList" or "transformMap" or "transformMapEntry", 3) => TwoVariables(call),
            ("transformList" or "transformMap" or "transformMapEntry", 4) => TwoVariables(call),
            _ => null,
        };
    }

    private Op? CelMacro(Expr.Call call) => (call.Function, call.Arguments.Count) switch
    {
        ("bind", 3) => Bind(call),
        ("block", 2) when call.Arguments[0] is Expr.ListLiteral values => Block(call, values),
        _ => LocalName(call) is { } name && TryLocal(name, out var slot) ? new LocalOp(slot, call.Offset) : null,
    };

    private Op Has(Expr.Call call)
    {
        if (call.Arguments[0] is not Expr.Select select)
        {
            return Reject(CelErrorCodes.Syntax, "has() takes the selection of a field, as in has(a.b)", call.Offset);
        }

        Op operand;
        if (IsChain(select.Operand))
        {
            Reference(select.IsOptional ? select.Operand : select, isPresenceTest: !select.IsOptional);
            operand = Steps(select.Operand);
        }
        else
        {
            operand = Compile(select.Operand);
        }

        return Fold(new HasOp(operand, select.Field, select.Offset), operand);
    }

    private Op Bind(Expr.Call call)
    {
        var value = Compile(call.Arguments[1]);
        if (!TryName(call, 0, out var name))
        {
            return value;
        }

        var slot = Enter(name);
        var result = Compile(call.Arguments[2]);
        Leave(1);
        return new BindOp([value], result, slot, call.Offset);
    }

    // Values by number, each of which may use those before it: how optimisers write common subexpressions down.
    private BindOp Block(Expr.Call call, Expr.ListLiteral values)
    {
        var slot = _locals.Count;
        var bound = new Op[values.Items.Count];
        for (var i = 0; i < bound.Length; i++)
        {
            bound[i] = Compile(values.Items[i]);
            Enter($"@index{i}");
        }

        var result = Compile(call.Arguments[1]);
        Leave(bound.Length);
        return new BindOp(bound, result, slot, call.Offset);
    }

    private Op OptionalMap(Expr.Call call)
    {
        var operand = Compile(call.Target!);
        if (!TryName(call, 0, out var name))
        {
            return operand;
        }

        var slot = Enter(name);
        var transform = Compile(call.Arguments[1]);
        Leave(1);
        return new OptionalMapOp(operand, transform, call.Function == "optFlatMap", slot, call.Offset);
    }

    private Op OneVariable(Expr.Call call)
    {
        var source = Compile(call.Target!);
        if (!TryName(call, 0, out var name))
        {
            return source;
        }

        var slot = Enter(name);
        var first = Compile(call.Arguments[1]);
        var second = call.Arguments.Count > 2 ? Compile(call.Arguments[2]) : null;
        Leave(1);
        return call.Function switch
        {
            "all" or "exists" => new QuantifierOp(call.Function == "all", source, first, slot, false, call.Offset),
            "map" => new TransformListOp(source, second is null ? null : first, second ?? first, slot, false, call.Offset),
            "filter" => new TransformListOp(source, first, null, slot, false, call.Offset),
            _ => new ExistsOneOp(source, first, slot, false, call.Offset),
        };
    }

    private Op TwoVariables(Expr.Call call)
    {
        var source = Compile(call.Target!);
        if (!TryName(call, 0, out var firstName) || !TryName(call, 1, out var secondName))
        {
            return source;
        }

        if (firstName == secondName)
        {
            return Reject(CelErrorCodes.Syntax, $"the two variables of {call.Function}() need different names", call.Arguments[1].Offset);
        }

        var slot = Enter(firstName);
        Enter(secondName);
        var first = Compile(call.Arguments[2]);
        var second = call.Arguments.Count > 3 ? Compile(call.Arguments[3]) : null;
        Leave(2);
        var predicate = second is null ? null : first;
        var transform = second ?? first;
        return call.Function switch
        {
            "all" or "exists" => new QuantifierOp(call.Function == "all", source, first, slot, true, call.Offset),
            "transformList" => new TransformListOp(source, predicate, transform, slot, true, call.Offset),
            "transformMap" => new TransformMapOp(source, predicate, transform, false, slot, call.Offset),
            "transformMapEntry" => new TransformMapOp(source, predicate, transform, true, slot, call.Offset),
            _ => new ExistsOneOp(source, first, slot, true, call.Offset),
        };
    }

    private bool TryName(Expr.Call call, int argument, out string name)
    {
        if (LocalName(call.Arguments[argument]) is { } found)
        {
            name = found;
            return true;
        }

        Reject(CelErrorCodes.Syntax, $"argument {argument + 1} of {call.Function}() names a variable: a simple name", call.Arguments[argument].Offset);
        name = "";
        return false;
    }

    // Besides simple names there are the numbered ones of cel.block: cel.index(0), cel.iterVar(0, 1), cel.accuVar(0, 1).
    private static string? LocalName(Expr expression) => expression switch
    {
        Expr.Name { IsAbsolute: false } name => name.Text,
        Expr.Call { Target: Expr.Name { Text: "cel" }, Function: "index", Arguments: [Expr.Literal number] } => $"@index{number.Value}",
        Expr.Call { Target: Expr.Name { Text: "cel" }, Function: "iterVar", Arguments: [Expr.Literal depth, Expr.Literal number] } => $"@it:{depth.Value}:{number.Value}",
        Expr.Call { Target: Expr.Name { Text: "cel" }, Function: "accuVar", Arguments: [Expr.Literal depth, Expr.Literal number] } => $"@ac:{depth.Value}:{number.Value}",
        _ => null,
    };

    private int Enter(string name)
    {
        var slot = _locals.Count;
        _locals.Add((name, slot));
        _slots = Math.Max(_slots, _locals.Count);
        return slot;
    }

    private void Leave(int count) => _locals.RemoveRange(_locals.Count - count, count);
}
