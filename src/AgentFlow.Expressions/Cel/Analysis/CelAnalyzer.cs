using AgentFlow.Expressions.Cel.Syntax;
using AgentFlow.Expressions.Cel.Values;

namespace AgentFlow.Expressions.Cel.Analysis;

/// <summary>
/// Holds an expression against the shapes of its variables. It reports what can never work or always comes to the same, and
/// is silent wherever a value could be otherwise.
/// </summary>
public sealed class CelAnalyzer
{
    private readonly Func<string, CelShape> _variables;
    private readonly HashSet<string> _tested;
    private readonly List<(string Name, CelShape Shape)> _locals = [];
    private readonly List<CelFinding> _findings = [];

    private CelAnalyzer(CelExpression expression, Func<string, CelShape> variables)
    {
        _variables = variables;
        _tested = [.. expression.References.Where(r => r.IsPresenceTest).Select(r => r.Path)];
    }

    /// <param name="variables">The shape of each free name; <see cref="CelShape.Any"/> when nothing is known.</param>
    /// <param name="isCondition">It has to be true or false.</param>
    public static IReadOnlyList<CelFinding> Check(CelExpression expression, Func<string, CelShape> variables, bool isCondition)
    {
        ArgumentNullException.ThrowIfNull(expression);
        ArgumentNullException.ThrowIfNull(variables);
        var analyzer = new CelAnalyzer(expression, variables);
        CelShape result = analyzer.Infer(expression.Syntax);
        if (isCondition && (result.Kinds & CelKinds.Bool) == 0)
        {
            analyzer.Report(CelFindingKind.TypeMismatch, $"a condition is true or false, and this is always {Words(result.Kinds)}", expression.Syntax.Offset);
        }
        else if (isCondition && result.Values is [var only] && expression.Syntax is not Expr.Literal && analyzer._findings.Count == 0)
        {
            // Whoever writes 'true' knows that.
            analyzer.Report(CelFindingKind.Constant, $"this condition is always {(only.IsTrue ? "true" : "false")}", expression.Syntax.Offset);
        }

        return analyzer._findings;
    }

    private CelShape Infer(Expr expression)
    {
        switch (expression)
        {
            case Expr.Literal literal:
                return new CelShape { Kinds = CelShape.KindOf(literal.Value), Values = [literal.Value] };
            case Expr.Name name:
                return _locals.FindLast(l => l.Name == name.Text).Shape ?? _variables(name.Text);
            case Expr.Select select:
                return Select(select, Infer(select.Operand), select.Field, select.IsOptional);
            case Expr.Index index:
                return Index(index);
            case Expr.Call call:
                return Call(call);
            case Expr.Unary unary:
                return Unary(unary);
            case Expr.Binary binary:
                return Binary(binary, Infer(binary.Left), Infer(binary.Right));
            case Expr.Logical logical:
                return Logical(logical);
            case Expr.Conditional conditional:
                Need(Infer(conditional.Condition), CelKinds.Bool, "the condition before '?'", conditional.Condition.Offset);
                CelShape then = Infer(conditional.Then);
                CelShape other = Infer(conditional.Else);
                return CelShape.Of(then.Kinds | other.Kinds);
            case Expr.ListLiteral list:
                foreach (Expr item in list.Items)
                {
                    Infer(item);
                }

                return CelShape.Of(CelKinds.List);
            case Expr.MapLiteral map:
                foreach (Expr part in map.Keys.Concat(map.Values))
                {
                    Infer(part);
                }

                return CelShape.Of(CelKinds.Map);
            default:
                return CelShape.Any;
        }
    }

    private CelShape Select(Expr place, CelShape operand, string field, bool isOptional)
    {
        if (isOptional || operand.Kinds == CelKinds.Any)
        {
            return operand.Fields.TryGetValue(field, out CelShape? known) && !isOptional ? known : CelShape.Any;
        }

        if ((operand.Kinds & (CelKinds.Map | CelKinds.Other)) == 0)
        {
            Report(CelFindingKind.TypeMismatch, $"'{field}' is read from {Words(operand.Kinds)}, which has no fields", place.Offset);
            return CelShape.Any;
        }

        if (operand.Fields.TryGetValue(field, out CelShape? shape))
        {
            return shape;
        }

        if ((operand.IsClosed || operand.IsDeclared) && !_tested.Contains(PathOf(place)))
        {
            string[] known = [.. operand.Fields.Keys];
            _findings.Add(operand.IsClosed
                ? new CelFinding(CelFindingKind.UnknownField, $"the schema allows no '{field}' here", place.Offset, field, known)
                : new CelFinding(CelFindingKind.UndeclaredField, $"the schema does not declare '{field}' here", place.Offset, field, known));
        }

        return CelShape.Any;
    }

    private CelShape Index(Expr.Index index)
    {
        CelShape operand = Infer(index.Operand);
        if (index.Key is Expr.Literal { Value.Kind: CelKind.String } key && (operand.Kinds & CelKinds.Map) != 0)
        {
            return Select(index, operand, key.Value.RawString, index.IsOptional);
        }

        CelShape by = Infer(index.Key);
        if ((operand.Kinds & (CelKinds.List | CelKinds.Map | CelKinds.Other)) == 0)
        {
            Report(CelFindingKind.TypeMismatch, $"{Words(operand.Kinds)} has no elements", index.Offset);
        }
        else if (operand.Kinds == CelKinds.List)
        {
            Need(by, CelKinds.Number, "the index of a list", index.Key.Offset);
        }

        return index.IsOptional ? CelShape.Any : operand.Items ?? CelShape.Any;
    }

    private CelShape Unary(Expr.Unary unary)
    {
        CelShape operand = Infer(unary.Operand);
        if (unary.Operator == Operator.Not)
        {
            Need(operand, CelKinds.Bool, "the operand of '!'", unary.Offset);
            return Truth(operand.Values is [{ Kind: CelKind.Bool } only] ? !only.IsTrue : null);
        }

        Need(operand, CelKinds.Number | CelKinds.Other, "the operand of '-'", unary.Offset);
        return CelShape.Of(CelKinds.Number);
    }

    private CelShape Logical(Expr.Logical logical)
    {
        bool? truth = logical.IsAnd;
        foreach (Expr term in logical.Terms)
        {
            CelShape shape = Infer(term);
            Need(shape, CelKinds.Bool, $"an operand of '{(logical.IsAnd ? "&&" : "||")}'", term.Offset);
            bool? known = shape.Values is [{ Kind: CelKind.Bool } only] ? only.IsTrue : null;
            truth = known == !logical.IsAnd ? known : truth == !logical.IsAnd ? truth : known is null ? null : truth;
        }

        return Truth(truth);
    }

    private CelShape Binary(Expr.Binary binary, CelShape left, CelShape right)
    {
        switch (binary.Operator)
        {
            case Operator.Equal or Operator.NotEqual:
                return Equality(binary, left, right);
            case Operator.Less or Operator.LessOrEqual or Operator.Greater or Operator.GreaterOrEqual:
                return Order(binary, left, right);
            case Operator.In:
                Need(right, CelKinds.List | CelKinds.Map, "what stands behind 'in'", binary.Offset);
                return CelShape.Of(CelKinds.Bool);
            default:
                return Arithmetic(binary, left, right);
        }
    }

    private CelShape Equality(Expr.Binary binary, CelShape left, CelShape right)
    {
        bool isEqual = binary.Operator == Operator.Equal;
        CelKinds common = left.Kinds & right.Kinds;
        if (common == 0)
        {
            return Decided(binary, !isEqual, $"{Words(left.Kinds)} never equals {Words(right.Kinds)}");
        }

        if (left.Values is { } some && right.Values is { } others)
        {
            if (!some.Any(v => others.Contains(v)))
            {
                // Two constants say it themselves.
                return some.Count == 1 && others.Count == 1 && binary is { Left: Expr.Literal, Right: Expr.Literal }
                    ? Truth(!isEqual)
                    : Decided(binary, !isEqual, $"the schema allows only {string.Join(", ", (some.Count > others.Count ? some : others).Take(10))}");
            }

            return some.Count == 1 && others.Count == 1 ? Truth(isEqual) : CelShape.Of(CelKinds.Bool);
        }

        return common == CelKinds.Number && (Above(left, right, orEqual: false) || Above(right, left, orEqual: false))
            ? Decided(binary, !isEqual, "the schema's limits leave this out")
            : CelShape.Of(CelKinds.Bool);
    }

    private CelShape Order(Expr.Binary binary, CelShape left, CelShape right)
    {
        const CelKinds ordered = CelKinds.Number | CelKinds.String | CelKinds.Bool | CelKinds.Other;
        if ((left.Kinds & right.Kinds & ordered) == 0)
        {
            Report(CelFindingKind.TypeMismatch, $"{Words(left.Kinds)} and {Words(right.Kinds)} have no order", binary.Offset);
            return CelShape.Of(CelKinds.Bool);
        }

        if (left.Kinds != CelKinds.Number || right.Kinds != CelKinds.Number)
        {
            return CelShape.Of(CelKinds.Bool);
        }

        (CelShape low, CelShape high) = binary.Operator is Operator.Less or Operator.LessOrEqual ? (left, right) : (right, left);
        bool orEqual = binary.Operator is Operator.LessOrEqual or Operator.GreaterOrEqual;
        bool? truth = Above(high, low, orEqual) ? true : Above(low, high, !orEqual) ? false : null;
        bool isLiteral = binary is { Left: Expr.Literal, Right: Expr.Literal };
        return truth is { } known && !isLiteral ? Decided(binary, known, "the schema's limits say so") : Truth(truth);
    }

    /// <summary>Whether every value of the one is greater than every value of the other.</summary>
    private static bool Above(CelShape high, CelShape low, bool orEqual) =>
        LeastOf(high) is { } least && MostOf(low) is { } most && (orEqual ? least >= most : least > most);

    private static double? LeastOf(CelShape shape) => shape.Values is { Count: > 0 } values && values.All(IsNumber) ? values.Min(Number) : shape.Least;

    private static double? MostOf(CelShape shape) => shape.Values is { Count: > 0 } values && values.All(IsNumber) ? values.Max(Number) : shape.Most;

    private static bool IsNumber(CelValue value) => CelNumbers.IsNumber(value.Kind);

    private static double Number(CelValue value) => value.Kind switch
    {
        CelKind.Int => value.RawBits,
        CelKind.UInt => value.RawUInt,
        _ => value.RawDouble,
    };

    private CelShape Arithmetic(Expr.Binary binary, CelShape left, CelShape right)
    {
        CelKinds takes = binary.Operator == Operator.Add
            ? CelKinds.Number | CelKinds.String | CelKinds.List | CelKinds.Other
            : CelKinds.Number | CelKinds.Other;
        CelKinds common = left.Kinds & right.Kinds & takes;
        if (common == 0)
        {
            Report(
                CelFindingKind.TypeMismatch,
                $"{Words(left.Kinds)} and {Words(right.Kinds)} cannot be {(binary.Operator == Operator.Add ? "added" : "computed with")}",
                binary.Offset);
            return CelShape.Any;
        }

        return CelShape.Of(common);
    }

    private CelShape Call(Expr.Call call)
    {
        if (call is { Target: null, Function: "has" })
        {
            return CelShape.Of(CelKinds.Bool);
        }

        if (call.Target is { } target && call.Arguments is [Expr.Name variable, ..] && call.Function is "all" or "exists" or "exists_one" or "existsOne" or "map" or "filter"
            && call.Arguments.Count == 2)
        {
            return Macro(call, Infer(target), ((Expr.Name)call.Arguments[0]).Text);
        }

        // Names of other macros' variables mean nothing outside of them.
        if (call.Target is Expr.Name { Text: "cel" } || call.Function is "optMap" or "optFlatMap" or "transformList" or "transformMap" or "transformMapEntry"
            || (call.Arguments.Count == 3 && call.Function is "all" or "exists" or "exists_one" or "existsOne" or "map"))
        {
            return CelShape.Any;
        }

        CelShape? receiver = call.Target is { } operand ? Infer(operand) : null;
        CelShape[] arguments = [.. call.Arguments.Select(Infer)];
        CelShape? first = receiver ?? arguments.FirstOrDefault();
        switch (call.Function)
        {
            case "size" or "len" when first is not null:
                Need(first, CelKinds.String | CelKinds.List | CelKinds.Map | CelKinds.Other, $"what {call.Function}() counts", call.Offset);
                return new CelShape { Kinds = CelKinds.Number, Least = 0 };
            case "contains" or "startsWith" or "endsWith" or "matches" when first is not null:
                Need(first, CelKinds.String, $"the text of {call.Function}()", call.Offset);
                return CelShape.Of(CelKinds.Bool);
            case "lowerAscii" or "upperAscii" or "trim" or "replace" or "substring" or "split" or "charAt" when receiver is not null:
                Need(receiver, CelKinds.String, $"the text of {call.Function}()", call.Offset);
                return CelShape.Of(call.Function == "split" ? CelKinds.List : CelKinds.String);
            case "int" or "uint" or "double":
                return CelShape.Of(CelKinds.Number);
            case "string":
                return CelShape.Of(CelKinds.String);
            case "bool" or "failed" or "always":
                return CelShape.Of(CelKinds.Bool);
            case "jsonpath":
                return CelShape.Of(CelKinds.List);
            default:
                return CelShape.Any;
        }
    }

    private CelShape Macro(Expr.Call call, CelShape source, string variable)
    {
        Need(source, CelKinds.List | CelKinds.Map | CelKinds.Other, $"what {call.Function}() goes through", call.Offset);
        _locals.Add((variable, source.Kinds == CelKinds.List ? source.Items ?? CelShape.Any : CelShape.Any));
        CelShape body = Infer(call.Arguments[1]);
        _locals.RemoveAt(_locals.Count - 1);
        if (call.Function != "map")
        {
            Need(body, CelKinds.Bool, $"the condition of {call.Function}()", call.Arguments[1].Offset);
        }

        return call.Function == "map" ? CelShape.Of(CelKinds.List) : call.Function == "filter" ? source with { Values = null } : CelShape.Of(CelKinds.Bool);
    }

    private void Need(CelShape shape, CelKinds kinds, string what, int offset)
    {
        if ((shape.Kinds & kinds) == 0)
        {
            Report(CelFindingKind.TypeMismatch, $"{what} is always {Words(shape.Kinds)}", offset);
        }
    }

    private CelShape Decided(Expr.Binary binary, bool truth, string why)
    {
        Report(CelFindingKind.Constant, $"this is always {(truth ? "true" : "false")}: {why}", binary.Offset);
        return Truth(truth);
    }

    private static CelShape Truth(bool? truth) => new() { Kinds = CelKinds.Bool, Values = truth is { } known ? [CelValue.Bool(known)] : null };

    private void Report(CelFindingKind kind, string message, int offset) => _findings.Add(new CelFinding(kind, message, offset));

    private static string PathOf(Expr expression) => expression switch
    {
        Expr.Select select => $"{PathOf(select.Operand)}.{select.Field}",
        Expr.Index { Key: Expr.Literal { Value.Kind: CelKind.String } key } index => $"{PathOf(index.Operand)}.{key.Value.RawString}",
        Expr.Name name => name.Text,
        _ => "",
    };

    private static string Words(CelKinds kinds)
    {
        string[] words = [.. from pair in new[] { (CelKinds.Null, "null"), (CelKinds.Bool, "a boolean"), (CelKinds.Number, "a number"), (CelKinds.String, "a string"), (CelKinds.List, "a list"), (CelKinds.Map, "an object"), (CelKinds.Other, "another value") }
            where (kinds & pair.Item1) != 0
            select pair.Item2];
        return words.Length == 1 ? words[0] : $"{string.Join(", ", words[..^1])} or {words[^1]}";
    }
}
