namespace AgentFlow.Expressions.Cel.Syntax;

/// <summary>A node of the syntax tree.</summary>
/// <param name="Offset">UTF-16 offset of the token that an error about this node points at.</param>
internal abstract record Expr(int Offset)
{
    /// <summary>Levels of the tree from here down; everything that walks trees recursively relies on its limit.</summary>
    public abstract int Height { get; }

    /// <summary><c>1</c>, <c>'a'</c>, <c>null</c></summary>
    public sealed record Literal(CelValue Value, int Offset) : Expr(Offset)
    {
        public override int Height => 1;
    }

    /// <summary><c>a</c>, or <c>.a</c> when absolute.</summary>
    public sealed record Name(string Text, bool IsAbsolute, int Offset) : Expr(Offset)
    {
        public override int Height => 1;
    }

    /// <summary><c>a.b</c>, or <c>a.?b</c> when optional.</summary>
    public sealed record Select(Expr Operand, string Field, bool IsOptional, int Offset) : Expr(Offset)
    {
        public override int Height { get; } = Operand.Height + 1;
    }

    /// <summary><c>a[b]</c>, or <c>a[?b]</c> when optional.</summary>
    public sealed record Index(Expr Operand, Expr Key, bool IsOptional, int Offset) : Expr(Offset)
    {
        public override int Height { get; } = Math.Max(Operand.Height, Key.Height) + 1;
    }

    /// <summary><c>f(a)</c>, or <c>target.f(a)</c>.</summary>
    public sealed record Call(string Function, bool IsAbsolute, Expr? Target, IReadOnlyList<Expr> Arguments, int Offset) : Expr(Offset)
    {
        public override int Height { get; } = Math.Max(Target?.Height ?? 0, Tallest(Arguments)) + 1;
    }

    /// <summary><c>!a</c>, <c>-a</c></summary>
    public sealed record Unary(Operator Operator, Expr Operand, int Offset) : Expr(Offset)
    {
        public override int Height { get; } = Operand.Height + 1;
    }

    /// <summary><c>a + b</c>, <c>a in b</c>, <c>a == b</c></summary>
    public sealed record Binary(Operator Operator, Expr Left, Expr Right, int Offset) : Expr(Offset)
    {
        public override int Height { get; } = Math.Max(Left.Height, Right.Height) + 1;
    }

    /// <summary><c>a &amp;&amp; b &amp;&amp; c</c>, <c>a || b || c</c>: one node however long, since order does not matter.</summary>
    public sealed record Logical(bool IsAnd, IReadOnlyList<Expr> Terms, int Offset) : Expr(Offset)
    {
        public override int Height { get; } = Tallest(Terms) + 1;
    }

    /// <summary><c>a ? b : c</c></summary>
    public sealed record Conditional(Expr Condition, Expr Then, Expr Else, int Offset) : Expr(Offset)
    {
        public override int Height { get; } = Math.Max(Condition.Height, Math.Max(Then.Height, Else.Height)) + 1;
    }

    /// <summary><c>[a, ?b]</c></summary>
    public sealed record ListLiteral(IReadOnlyList<Expr> Items, IReadOnlyList<bool> AreOptional, int Offset) : Expr(Offset)
    {
        public override int Height { get; } = Tallest(Items) + 1;
    }

    /// <summary><c>{a: b, ?c: d}</c></summary>
    public sealed record MapLiteral(IReadOnlyList<Expr> Keys, IReadOnlyList<Expr> Values, IReadOnlyList<bool> AreOptional, int Offset) : Expr(Offset)
    {
        public override int Height { get; } = Math.Max(Tallest(Keys), Tallest(Values)) + 1;
    }

    private static int Tallest(IReadOnlyList<Expr> expressions)
    {
        var height = 0;
        foreach (var expression in expressions)
        {
            height = Math.Max(height, expression.Height);
        }

        return height;
    }
}

internal enum Operator : byte
{
    Not,
    Negate,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
}
