using System.Diagnostics.CodeAnalysis;
using AgentFlow.Expressions.Cel.Compilation;
using AgentFlow.Expressions.Cel.Evaluation;
using AgentFlow.Expressions.Cel.Syntax;
using AgentFlow.Expressions.Cel.Values;

namespace AgentFlow.Expressions.Cel;

/// <summary>
/// A compiled expression of the Common Expression Language (https://github.com/google/cel-spec), without protocol buffer
/// messages. Immutable and safe to evaluate from many threads at once.
/// </summary>
public sealed class CelExpression
{
    private readonly Op _root;
    private readonly int _locals;
    private readonly long _costLimit;

    private CelExpression(string source, Expr syntax, Compiler compiler, Op root, long costLimit)
    {
        Source = source;
        Syntax = syntax;
        References = compiler.References;
        Variables = compiler.References.Select(reference => reference.Root).Distinct(StringComparer.Ordinal).ToArray();
        Functions = compiler.Functions;
        _root = root;
        _locals = compiler.Locals;
        _costLimit = costLimit;
    }

    public string Source { get; }

    /// <summary>The free root names, in order of first use; names bound by macros are not among them.</summary>
    public IReadOnlyCollection<string> Variables { get; }

    /// <summary>Every read of a variable with the fields selected from it, in source order.</summary>
    public IReadOnlyList<CelReference> References { get; }

    /// <summary>The names of the functions and methods called, standard ones included.</summary>
    public IReadOnlyCollection<string> Functions { get; }

    /// <summary>The tree, for checks beyond compiling.</summary>
    internal Expr Syntax { get; }

    /// <exception cref="CelCompileException">The source does not compile.</exception>
    public static CelExpression Compile(string source, CelOptions? options = null) =>
        TryCompile(source, options, out var expression, out var errors) ? expression : throw new CelCompileException(source, errors);

    /// <summary>Compiles. A syntax error is reported alone; otherwise every unknown name and misused macro is.</summary>
    /// <param name="errors">Empty on success.</param>
    public static bool TryCompile(
        string source, CelOptions? options, [NotNullWhen(true)] out CelExpression? expression, out IReadOnlyList<CelError> errors)
    {
        ArgumentNullException.ThrowIfNull(source);
        options ??= CelOptions.Default;
        expression = null;
        if (source.Length > options.MaxSourceLength)
        {
            errors = [new CelError(CelErrorCodes.TooLarge, $"the expression is {source.Length} characters long, {options.MaxSourceLength} are allowed")];
            return false;
        }

        if (CelText.IndexOfHalfSurrogate(source) is var broken and >= 0)
        {
            errors = [SourcePosition.Locate(new CelError(CelErrorCodes.Syntax, "half a surrogate pair, which is no character", broken), source)];
            return false;
        }

        try
        {
            var syntax = Parser.Parse(source, options.MaxDepth);
            var compiler = new Compiler(source, options);
            var root = compiler.Compile(syntax);
            if (compiler.Errors.Count == 0)
            {
                errors = [];
                expression = new CelExpression(source, syntax, compiler, root, options.CostLimit);
                return true;
            }

            errors = [.. compiler.Errors.OrderBy(error => error.Offset).Select(error => SourcePosition.Locate(error, source))];
        }
        catch (SyntaxException error)
        {
            errors = [SourcePosition.Locate(new CelError(error.Code, error.Message, error.Offset), source)];
        }

        return false;
    }

    /// <summary>
    /// Evaluates. Whatever the expression does wrong is a value of kind <see cref="CelKind.Error"/> with the place in
    /// the source; only a variable source that throws makes this throw.
    /// </summary>
    public CelValue Evaluate(ICelVariables variables)
    {
        ArgumentNullException.ThrowIfNull(variables);
        var frame = new Frame { Variables = variables, Budget = _costLimit, Locals = _locals == 0 ? [] : new CelValue[_locals] };
        var value = _root.Eval(ref frame);
        return value.IsError ? CelValue.Error(SourcePosition.Locate(value.RawError, Source)) : value;
    }

    public override string ToString() => Source;
}
