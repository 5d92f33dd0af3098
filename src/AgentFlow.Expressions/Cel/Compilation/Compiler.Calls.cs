using AgentFlow.Expressions.Cel.Evaluation;
using AgentFlow.Expressions.Cel.Functions;
using AgentFlow.Expressions.Cel.Patterns;
using AgentFlow.Expressions.Cel.Syntax;
using AgentFlow.Expressions.JsonPath;

namespace AgentFlow.Expressions.Cel.Compilation;

internal sealed partial class Compiler
{
    private Op Call(Expr.Call call)
    {
        if (!_options.DisableMacros && Macro(call) is { } expanded)
        {
            return expanded;
        }

        if (call.Target is null)
        {
            return Invoke(call, call.Function, call.Arguments, isMethod: false);
        }

        // math.greatest(1, 2): a function in a namespace looks like a method of a variable.
        if (QualifiedName(call.Target) is { } prefix && FindFunction($"{prefix}.{call.Function}", isMethod: false) is not null)
        {
            return Invoke(call, $"{prefix}.{call.Function}", call.Arguments, isMethod: false);
        }

        return InvokeMethod(call);
    }

    private Op InvokeMethod(Expr.Call call) => Invoke(call, call.Function, [call.Target!, .. call.Arguments], isMethod: true);

    private Op Invoke(Expr.Call call, string name, IReadOnlyList<Expr> operands, bool isMethod)
    {
        _functions.Add(name);
        return Invoke(call, name, CompileAll(operands), isMethod);
    }

    private Op Invoke(Expr.Call call, string name, Op[] arguments, bool isMethod)
    {
        if (FindFunction(name, isMethod) is not { } function)
        {
            return Unknown(call, name, isMethod);
        }

        if (arguments.Length < function.MinArguments || arguments.Length > function.MaxArguments)
        {
            var skipped = isMethod ? 1 : 0;
            var takes = function.MinArguments == function.MaxArguments
                ? $"{function.MinArguments - skipped}"
                : $"{function.MinArguments - skipped} to {function.MaxArguments - skipped}";
            return FailOrReject(
                CelErrorCodes.NoSuchOverload, $"no such overload: '{name}' takes {takes} arguments, not {arguments.Length - skipped}", call.Offset);
        }

        if (name == "matches" && _patternsLeft > 0 && arguments is [_, ConstOp { Value.Kind: CelKind.String } source] && ReferenceEquals(function, StandardFunctions.Find(name, isMethod)))
        {
            return Matches(call, arguments[0], source.Value.RawString);
        }

        if (name == JsonPathFunction.Name && arguments is [_, ConstOp { Value.Kind: CelKind.String } query] && ReferenceEquals(function, StandardFunctions.Find(name, isMethod)))
        {
            return JsonPath(call, arguments[0], query);
        }

        var op = new CallOp(name, isMethod, function.Body, arguments, call.Offset);
        return function.IsPure ? Fold(op, arguments) : op;
    }

    private Op Matches(Expr.Call call, Op text, string source)
    {
        if (Pattern.TryCompile(source, out var problem) is not { } pattern)
        {
            return FailOrReject(CelErrorCodes.InvalidArgument, DynamicMatches.Describe(source, problem!), call.Offset);
        }

        _patternsLeft -= pattern.Size;
        return Fold(new MatchesOp(text, pattern, call.Offset), text);
    }

    private Op JsonPath(Expr.Call call, Op document, ConstOp text)
    {
        if (!JsonPathQuery.TryCompile(text.Value.RawString, out var query, out var error))
        {
            return FailOrReject(CelErrorCodes.InvalidArgument, JsonPathFunction.Describe(error), PlaceIn(text, error.Offset));
        }

        return Fold(new JsonPathOp(document, query, call.Offset), document);
    }

    /// <summary>Where a character of a text stands in the source; the start of the text when it is not written plainly there.</summary>
    private int PlaceIn(ConstOp text, int offset)
    {
        var content = text.Value.RawString;
        var start = text.Offset + 1;
        return start < _source.Length && _source[text.Offset] is '\'' or '"' && _source.AsSpan(start).StartsWith(content, StringComparison.Ordinal)
            ? start + offset
            : text.Offset;
    }

    private Op Unknown(Expr.Call call, string name, bool isMethod)
    {
        var exists = FindFunction(name, !isMethod) is not null;
        var hint = exists
            ? isMethod ? $"; write {name}(…)" : $"; write value.{name}(…)"
            : Suggestion.For(name, FunctionNames());
        return FailOrReject(CelErrorCodes.UnknownFunction, $"unbound function '{name}'{hint}", call.Offset);
    }

    private Op FailOrReject(string code, string message, int offset) =>
        IsStrict ? Reject(code, message, offset) : new FailOp(code, message, offset);

    private Overload? FindFunction(string name, bool isMethod)
    {
        if (_options.Functions is { Count: > 0 } hosted)
        {
            foreach (var scope in _scopes)
            {
                if (hosted.TryGetValue(scope + name, out var function) && function.Style.HasFlag(isMethod ? CelCallStyle.Method : CelCallStyle.Function))
                {
                    return new Overload(name, function.Style, function.MinArguments, function.MaxArguments, Adapt(function.Body), IsPure: false);
                }
            }
        }

        return StandardFunctions.Find(name, isMethod);
    }

    private static Body Adapt(CelFunctionBody body) => (ReadOnlySpan<CelValue> arguments, ref Frame frame) =>
    {
        var call = new CelCall(ref frame);
        return body(arguments, ref call);
    };

    private IEnumerable<string> FunctionNames() => StandardFunctions.Names.Concat(_options.Functions?.Keys ?? []);

    private string? QualifiedName(Expr expression)
    {
        var segments = new Stack<string>();
        while (expression is Expr.Select { IsOptional: false } select)
        {
            segments.Push(select.Field);
            expression = select.Operand;
        }

        if (expression is not Expr.Name name || (!name.IsAbsolute && TryLocal(name.Text, out _)))
        {
            return null;
        }

        segments.Push(name.Text);
        return string.Join('.', segments);
    }
}
