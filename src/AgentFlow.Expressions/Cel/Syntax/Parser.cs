using System.Runtime.CompilerServices;

namespace AgentFlow.Expressions.Cel.Syntax;

/// <summary>Recursive descent over the grammar, with one loop for all binary operators.</summary>
internal sealed class Parser
{
    /// <summary>Tallest tree accepted. Chains like <c>a + b + c</c> grow the tree without nesting, hence the distance to the nesting limit.</summary>
    public const int MaxHeight = 500;

    /// <summary>Deepest nesting accepted: everything recursive then fits the smallest stacks that threads get, 1 MiB.</summary>
    public const int MaxDepth = 250;

    private readonly Lexer _lexer;
    private readonly int _maxDepth;
    private Token _token;
    private int _depth;

    private Parser(string source, int maxDepth)
    {
        _lexer = new Lexer(source);
        _maxDepth = Math.Min(maxDepth, MaxDepth);
        _token = _lexer.Next();
    }

    /// <exception cref="SyntaxException">The source is no expression.</exception>
    public static Expr Parse(string source, int maxDepth)
    {
        var parser = new Parser(source, maxDepth);
        if (parser._token.Kind == TokenKind.End)
        {
            throw new SyntaxException(CelErrorCodes.Syntax, "the expression is empty", 0);
        }

        var expression = parser.Expression();
        return parser._token.Kind == TokenKind.End ? expression : throw parser.Unexpected("an operator or the end of the expression");
    }

    private Expr Expression()
    {
        if (++_depth > _maxDepth || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new SyntaxException(CelErrorCodes.TooLarge, $"the expression is nested deeper than {_maxDepth} levels", _token.Start);
        }

        var condition = Or();
        if (_token.Kind == TokenKind.Question)
        {
            var at = Advance().Start;
            var then = Or();
            if (_token.Kind == TokenKind.Question)
            {
                throw new SyntaxException(CelErrorCodes.Syntax, "put a conditional inside another's first branch in parentheses", _token.Start);
            }

            Expect(TokenKind.Colon, "':' of the conditional");
            condition = Check(new Expr.Conditional(condition, then, Expression(), at));
        }

        _depth--;
        return condition;
    }

    private Expr Or() => Logical(TokenKind.Or, isAnd: false);

    private Expr Logical(TokenKind kind, bool isAnd)
    {
        var first = isAnd ? Binary(1) : Logical(TokenKind.And, isAnd: true);
        if (_token.Kind != kind)
        {
            return first;
        }

        var at = _token.Start;
        var terms = new List<Expr> { first };
        while (_token.Kind == kind)
        {
            Advance();
            terms.Add(isAnd ? Binary(1) : Logical(TokenKind.And, isAnd: true));
        }

        return Check(new Expr.Logical(isAnd, terms, at));
    }

    // Precedence climbing; all binary operators associate to the left.
    private Expr Binary(int minimum)
    {
        var left = Unary();
        while (Precedence(_token.Kind) is var precedence && precedence >= minimum)
        {
            var op = Advance();
            left = Check(new Expr.Binary(OperatorOf(op.Kind), left, Binary(precedence + 1), op.Start));
        }

        return left;
    }

    private Expr Unary()
    {
        if (_token.Kind is not (TokenKind.Not or TokenKind.Minus))
        {
            return Member(Primary());
        }

        var kind = _token.Kind;
        var offsets = new Stack<int>();
        while (_token.Kind == kind)
        {
            offsets.Push(Advance().Start);
        }

        Expr operand;
        if (kind == TokenKind.Minus && _token.Kind == TokenKind.IntegerLiteral)
        {
            // The sign belongs to the literal: -9223372036854775808 has no positive counterpart.
            operand = Member(NegativeInteger(offsets.Pop()));
        }
        else
        {
            operand = Member(Primary());
        }

        while (offsets.TryPop(out var offset))
        {
            operand = Check(new Expr.Unary(kind == TokenKind.Not ? Operator.Not : Operator.Negate, operand, offset));
        }

        return operand;
    }

    private Expr.Literal NegativeInteger(int offset)
    {
        var magnitude = Advance().Value.RawUInt;
        return magnitude <= 1UL << 63
            ? new Expr.Literal(CelValue.Int(unchecked(-(long)magnitude)), offset)
            : throw new SyntaxException(CelErrorCodes.Syntax, "this integer is below the range of int", offset);
    }

    private Expr Member(Expr operand)
    {
        while (true)
        {
            switch (_token.Kind)
            {
                case TokenKind.Dot:
                    operand = Check(SelectOrCall(operand));
                    break;
                case TokenKind.LeftBracket:
                    var at = Advance().Start;
                    var isOptional = Accept(TokenKind.Question);
                    var key = Expression();
                    Expect(TokenKind.RightBracket, "']' after the index");
                    operand = Check(new Expr.Index(operand, key, isOptional, at));
                    break;
                case TokenKind.LeftBrace when operand is Expr.Name or Expr.Select:
                    throw new SyntaxException(CelErrorCodes.Unsupported, "message literals are not supported: build a map, {'field': value}", _token.Start);
                default:
                    return operand;
            }
        }
    }

    private Expr SelectOrCall(Expr operand)
    {
        Advance();
        var isOptional = Accept(TokenKind.Question);
        var name = _token;
        if (name.Kind is not (TokenKind.Identifier or TokenKind.QuotedIdentifier))
        {
            throw name.Text is { } word && Words.IsKeyword(word)
                ? new SyntaxException(CelErrorCodes.Syntax, $"'{word}' is a keyword; select it as ['{word}']", name.Start)
                : Unexpected("a field name after '.'");
        }

        Advance();
        if (_token.Kind != TokenKind.LeftParenthesis || name.Kind == TokenKind.QuotedIdentifier || isOptional)
        {
            return new Expr.Select(operand, name.Text!, isOptional, name.Start);
        }

        return new Expr.Call(name.Text!, false, operand, Arguments(), name.Start);
    }

    private Expr Primary()
    {
        var token = _token;
        switch (token.Kind)
        {
            case TokenKind.Literal:
                Advance();
                return new Expr.Literal(token.Value, token.Start);
            case TokenKind.IntegerLiteral:
                Advance();
                return token.Value.RawUInt <= long.MaxValue
                    ? new Expr.Literal(CelValue.Int((long)token.Value.RawUInt), token.Start)
                    : throw new SyntaxException(CelErrorCodes.Syntax, "this integer is beyond the range of int; write it as a uint with the suffix u", token.Start);
            case TokenKind.Identifier:
                return NameOrCall(isAbsolute: false);
            case TokenKind.Dot:
                Advance();
                return _token.Kind == TokenKind.Identifier ? NameOrCall(isAbsolute: true) : throw Unexpected("a name after '.'");
            case TokenKind.LeftParenthesis:
                Advance();
                var inner = Expression();
                Expect(TokenKind.RightParenthesis, "')'");
                return inner;
            case TokenKind.LeftBracket:
                return ListLiteral();
            case TokenKind.LeftBrace:
                return MapLiteral();
            default:
                throw Unexpected("a value");
        }
    }

    private Expr NameOrCall(bool isAbsolute)
    {
        var name = Advance();
        if (Words.IsReserved(name.Text!))
        {
            throw new SyntaxException(CelErrorCodes.Syntax, $"'{name.Text}' is a reserved word and names neither a variable nor a function", name.Start);
        }

        return _token.Kind == TokenKind.LeftParenthesis
            ? Check(new Expr.Call(name.Text!, isAbsolute, null, Arguments(), name.Start))
            : new Expr.Name(name.Text!, isAbsolute, name.Start);
    }

    private List<Expr> Arguments()
    {
        Advance();
        var arguments = new List<Expr>();
        if (_token.Kind != TokenKind.RightParenthesis)
        {
            do
            {
                arguments.Add(Expression());
            }
            while (Accept(TokenKind.Comma));
        }

        Expect(TokenKind.RightParenthesis, "',' or ')' after the argument");
        return arguments;
    }

    private Expr ListLiteral()
    {
        var at = Advance().Start;
        var items = new List<Expr>();
        var areOptional = new List<bool>();
        while (_token.Kind != TokenKind.RightBracket)
        {
            areOptional.Add(Accept(TokenKind.Question));
            items.Add(Expression());
            if (!Accept(TokenKind.Comma))
            {
                break;
            }
        }

        Expect(TokenKind.RightBracket, "',' or ']' after the list element");
        return Check(new Expr.ListLiteral(items, areOptional, at));
    }

    private Expr MapLiteral()
    {
        var at = Advance().Start;
        var keys = new List<Expr>();
        var values = new List<Expr>();
        var areOptional = new List<bool>();
        while (_token.Kind != TokenKind.RightBrace)
        {
            areOptional.Add(Accept(TokenKind.Question));
            keys.Add(Expression());
            Expect(TokenKind.Colon, "':' after the map key");
            values.Add(Expression());
            if (!Accept(TokenKind.Comma))
            {
                break;
            }
        }

        Expect(TokenKind.RightBrace, "',' or '}' after the map entry");
        return Check(new Expr.MapLiteral(keys, values, areOptional, at));
    }

    private Token Advance()
    {
        var token = _token;
        _token = _lexer.Next();
        return token;
    }

    private bool Accept(TokenKind kind)
    {
        if (_token.Kind != kind)
        {
            return false;
        }

        Advance();
        return true;
    }

    private void Expect(TokenKind kind, string what)
    {
        if (!Accept(kind))
        {
            throw Unexpected(what);
        }
    }

    private SyntaxException Unexpected(string expected)
    {
        var found = _token.Kind == TokenKind.End ? "the expression ends" : $"found {Describe(_token)}";
        return new SyntaxException(CelErrorCodes.Syntax, $"{found} where {expected} should be", _token.Start);
    }

    private static string Describe(in Token token) => token.Kind switch
    {
        TokenKind.Identifier or TokenKind.QuotedIdentifier or TokenKind.In => $"'{token.Text}'",
        TokenKind.Literal => token.Value.ToString(),
        TokenKind.IntegerLiteral => token.Value.RawUInt.ToString(),
        _ => $"'{SymbolOf(token.Kind)}'",
    };

    private static string SymbolOf(TokenKind kind) => kind switch
    {
        TokenKind.LeftParenthesis => "(",
        TokenKind.RightParenthesis => ")",
        TokenKind.LeftBracket => "[",
        TokenKind.RightBracket => "]",
        TokenKind.LeftBrace => "{",
        TokenKind.RightBrace => "}",
        TokenKind.Dot => ".",
        TokenKind.Comma => ",",
        TokenKind.Colon => ":",
        TokenKind.Question => "?",
        TokenKind.Plus => "+",
        TokenKind.Minus => "-",
        TokenKind.Star => "*",
        TokenKind.Slash => "/",
        TokenKind.Percent => "%",
        TokenKind.Not => "!",
        TokenKind.And => "&&",
        TokenKind.Or => "||",
        TokenKind.Equal => "==",
        TokenKind.NotEqual => "!=",
        TokenKind.Less => "<",
        TokenKind.LessOrEqual => "<=",
        TokenKind.Greater => ">",
        _ => ">=",
    };

    private static Expr Check(Expr expression) => expression.Height <= MaxHeight
        ? expression
        : throw new SyntaxException(CelErrorCodes.TooLarge, $"a chain of more than {MaxHeight} operators; split the expression", expression.Offset);

    private static int Precedence(TokenKind kind) => kind switch
    {
        TokenKind.Equal or TokenKind.NotEqual or TokenKind.Less or TokenKind.LessOrEqual or TokenKind.Greater or TokenKind.GreaterOrEqual or TokenKind.In => 1,
        TokenKind.Plus or TokenKind.Minus => 2,
        TokenKind.Star or TokenKind.Slash or TokenKind.Percent => 3,
        _ => 0,
    };

    private static Operator OperatorOf(TokenKind kind) => kind switch
    {
        TokenKind.Plus => Operator.Add,
        TokenKind.Minus => Operator.Subtract,
        TokenKind.Star => Operator.Multiply,
        TokenKind.Slash => Operator.Divide,
        TokenKind.Percent => Operator.Remainder,
        TokenKind.Equal => Operator.Equal,
        TokenKind.NotEqual => Operator.NotEqual,
        TokenKind.Less => Operator.Less,
        TokenKind.LessOrEqual => Operator.LessOrEqual,
        TokenKind.Greater => Operator.Greater,
        TokenKind.GreaterOrEqual => Operator.GreaterOrEqual,
        _ => Operator.In,
    };
}
