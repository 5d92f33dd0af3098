using System.Runtime.CompilerServices;
using AgentFlow.Expressions.Cel.Evaluation;
using AgentFlow.Expressions.Cel.Syntax;

namespace AgentFlow.Expressions.Cel.Compilation;

/// <summary>Turns a syntax tree into nodes that evaluate: resolves names, expands macros, folds constants.</summary>
internal sealed partial class Compiler
{
    // Compiling is bounded too: what all folding together may cost, and the instructions of all constant patterns.
    private const long FoldingBudget = 100_000;
    private const int PatternBudget = 50_000;

    private readonly string _source;
    private readonly CelOptions _options;
    private readonly string[] _scopes;
    private readonly HashSet<string>? _known;
    private readonly List<(string Name, int Slot)> _locals = [];
    private readonly List<CelError> _errors = [];
    private readonly List<CelReference> _references = [];
    private readonly HashSet<string> _functions = new(StringComparer.Ordinal);
    private int _slots;
    private long _foldingLeft = FoldingBudget;
    private int _patternsLeft = PatternBudget;

    public Compiler(string source, CelOptions options)
    {
        _source = source;
        _options = options;
        _scopes = ScopesOf(options.Container);
        _known = options.KnownVariables is null ? null : new HashSet<string>(options.KnownVariables, StringComparer.Ordinal);
    }

    public IReadOnlyList<CelError> Errors => _errors;

    public IReadOnlyList<CelReference> References => _references;

    public IReadOnlyCollection<string> Functions => _functions;

    /// <summary>Slots that an evaluation needs for the variables of macros.</summary>
    public int Locals => _slots;

    /// <summary>With declared variables, a name that cannot work is an error now; without, only if it is ever reached.</summary>
    private bool IsStrict => _known is not null;

    // Every level of a tall tree is a frame of this method and one of those below: they keep their frames small.
    public Op Compile(Expr expression)
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new SyntaxException(CelErrorCodes.TooLarge, "the expression is nested too deeply for this thread's stack", expression.Offset);
        }

        return expression switch
        {
            Expr.Literal literal => new ConstOp(literal.Value, literal.Offset),
            Expr.Name or Expr.Select { IsOptional: false } or Expr.Index => Chain(expression),
            Expr.Select select => new OptionalSelectOp(Compile(select.Operand), select.Field, select.Offset),
            Expr.Call call => Call(call),
            Expr.Unary unary => Unary(unary),
            Expr.Binary binary => Binary(binary),
            Expr.Logical logical => new LogicalOp(logical.IsAnd, CompileAll(logical.Terms), logical.Offset),
            Expr.Conditional conditional => new ConditionalOp(
                Compile(conditional.Condition), Compile(conditional.Then), Compile(conditional.Else), conditional.Offset),
            Expr.ListLiteral list => ListLiteral(list),
            Expr.MapLiteral map => MapLiteral(map),
            _ => throw new InvalidOperationException($"No compilation for {expression.GetType().Name}."),
        };
    }

    private Op ListLiteral(Expr.ListLiteral list)
    {
        var items = CompileAll(list.Items);
        return Fold(new ListOp(items, [.. list.AreOptional], list.Offset), items);
    }

    private Op MapLiteral(Expr.MapLiteral map)
    {
        var keys = CompileAll(map.Keys);
        var values = CompileAll(map.Values);
        return Fold(new MapOp(keys, values, [.. map.AreOptional], map.Offset), [.. keys, .. values]);
    }

    // A loop, because each level of a tall tree passes through here.
    private Op[] CompileAll(IReadOnlyList<Expr> expressions)
    {
        var ops = new Op[expressions.Count];
        for (var i = 0; i < ops.Length; i++)
        {
            ops[i] = Compile(expressions[i]);
        }

        return ops;
    }

    private Op Unary(Expr.Unary unary)
    {
        var operand = Compile(unary.Operand);
        Op op = unary.Operator == Operator.Not ? new NotOp(operand, unary.Offset) : new NegateOp(operand, unary.Offset);
        return Fold(op, operand);
    }

    private Op Binary(Expr.Binary binary)
    {
        var left = Compile(binary.Left);
        return Binary(binary, left, Compile(binary.Right));
    }

    private Op Binary(Expr.Binary binary, Op left, Op right)
    {
        Op op = binary.Operator switch
        {
            Operator.Equal or Operator.NotEqual => new EqualOp(left, right, binary.Operator == Operator.NotEqual, binary.Offset),
            Operator.Less or Operator.LessOrEqual or Operator.Greater or Operator.GreaterOrEqual => new OrderOp(binary.Operator, left, right, binary.Offset),
            Operator.In => new InOp(left, right, binary.Offset),
            _ => new ArithmeticOp(binary.Operator, left, right, binary.Offset),
        };
        return Fold(op, left, right);
    }

    // What fails, or costs too much to find out, stays as it is and fails when it is reached.
    private Op Fold(Op op, params ReadOnlySpan<Op> inputs)
    {
        foreach (var input in inputs)
        {
            if (input is not ConstOp)
            {
                return op;
            }
        }

        var frame = new Frame { Variables = CelVariables.Empty, Budget = _foldingLeft, Locals = [] };
        var value = op.Eval(ref frame);
        _foldingLeft = Math.Max(0, frame.Budget);
        return value.IsError ? op : new ConstOp(value, op.Offset);
    }

    private Op Reject(string code, string message, int offset)
    {
        _errors.Add(new CelError(code, message, offset));
        return new FailOp(code, message, offset);
    }

    // a.b.c → "a.b.c.", "a.b.", "a.", "".
    private static string[] ScopesOf(string container)
    {
        var scopes = new List<string>();
        while (container.Length > 0)
        {
            scopes.Add(container + ".");
            container = container.LastIndexOf('.') is var dot and >= 0 ? container[..dot] : "";
        }

        return [.. scopes, ""];
    }
}
