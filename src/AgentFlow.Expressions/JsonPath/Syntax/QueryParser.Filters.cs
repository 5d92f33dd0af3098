namespace AgentFlow.Expressions.JsonPath.Syntax;

/// <content>Filters, and what makes them well-typed (RFC 9535 §2.3.5 and §2.4.3).</content>
internal sealed partial class QueryParser
{
    private Condition Or()
    {
        List<Condition> terms = [And()];
        while (Operator("||"))
        {
            terms.Add(And());
        }

        return terms.Count == 1 ? terms[0] : new Condition.Or(terms);
    }

    private Condition And()
    {
        List<Condition> terms = [Basic()];
        while (Operator("&&"))
        {
            terms.Add(Basic());
        }

        return terms.Count == 1 ? terms[0] : new Condition.And(terms);
    }

    private bool Operator(string sign)
    {
        int end = _at;
        SkipBlanks();
        if (!Take(sign))
        {
            _at = end;
            return false;
        }

        SkipBlanks();
        return true;
    }

    private Condition Basic()
    {
        bool isNegated = false;
        if (Next == '!')
        {
            _at++;
            isNegated = true;
            SkipBlanks();
        }

        Condition condition = Next == '(' ? Parenthesis() : isNegated ? Test(Term()) : TestOrComparison();
        return isNegated ? new Condition.Not(condition) : condition;
    }

    private Condition Parenthesis()
    {
        Enter();
        int opened = _at++;
        SkipBlanks();
        Condition inner = Or();
        SkipBlanks();
        if (!Take(')'))
        {
            throw _at == text.Length
                ? new QuerySyntaxException("the parenthesis is not closed", opened)
                : Error("expected '&&', '||', a comparison or ')'");
        }

        _depth--;
        return inner;
    }

    private Condition TestOrComparison()
    {
        Typed left = Term();
        int end = _at;
        SkipBlanks();
        if (ComparisonSign() is not { } sign)
        {
            _at = end;
            return Test(left);
        }

        SkipBlanks();
        return new Condition.Compare(sign, Comparable(left), Comparable(Term()));
    }

    private Comparison? ComparisonSign()
    {
        if (Take("=="))
        {
            return Comparison.Equal;
        }

        if (Take("!="))
        {
            return Comparison.NotEqual;
        }

        if (Take("<="))
        {
            return Comparison.LessOrEqual;
        }

        if (Take(">="))
        {
            return Comparison.GreaterOrEqual;
        }

        return Take('<') ? Comparison.Less : Take('>') ? Comparison.Greater : null;
    }

    /// <summary>A literal, a query or a function call, whose place decides which of them may stand there.</summary>
    private Typed Term()
    {
        int start = _at;
        switch (Next)
        {
            case '@' or '$':
                Enter();
                bool isRelative = text[_at++] == '@';
                var query = new Query(isRelative, Segments());
                _depth--;
                return new Typed(start) { Query = query };
            case '\'' or '"':
                return new Typed(start) { Operand = new Operand.Constant(Literal.String(Quoted())) };
            case '-' or (>= '0' and <= '9'):
                return new Typed(start) { Operand = new Operand.Constant(Literal.Number(Number())) };
            case >= 'a' and <= 'z':
                return Word();
            default:
                throw Error("expected a query that starts with '@' or '$', a value or a function");
        }
    }

    private string Number()
    {
        int start = _at;
        Take('-');
        ReadOnlySpan<char> digits = Digits();
        bool isWellFormed = digits.Length > 0 && (digits.Length == 1 || digits[0] != '0');
        if (isWellFormed && Take('.'))
        {
            isWellFormed = Digits().Length > 0;
        }

        if (isWellFormed && Next is 'e' or 'E')
        {
            _at++;
            _ = Take('-') || Take('+');
            isWellFormed = Digits().Length > 0;
        }

        return isWellFormed ? text[start.._at] : throw new QuerySyntaxException("a number is written as in JSON: -12, 0.5, 1e-3", start);
    }

    private Typed Word()
    {
        int start = _at;
        while (char.IsAsciiLetterLower(Next) || char.IsAsciiDigit(Next) || Next == '_')
        {
            _at++;
        }

        string word = text[start.._at];
        if (Next == '(')
        {
            return Call(word, start);
        }

        Literal literal = word switch
        {
            "true" => Literal.True,
            "false" => Literal.False,
            "null" => Literal.Null,
            _ => throw new QuerySyntaxException($"'{word}' is no value: strings stand in quotes, members behind '@.' or '$.'", start),
        };
        return new Typed(start) { Operand = new Operand.Constant(literal) };
    }

    private Typed Call(string name, int start)
    {
        Enter();
        _at++;
        List<Typed> arguments = [];
        SkipBlanks();
        while (Next != ')')
        {
            arguments.Add(Argument());
            SkipBlanks();
            if (!Take(','))
            {
                break;
            }

            SkipBlanks();
            if (Next == ')')
            {
                throw Error("an argument is missing");
            }
        }

        if (!Take(')'))
        {
            throw Error("expected ',' or ')'");
        }

        _depth--;
        return Function(name, arguments, start);
    }

    private Typed Argument()
    {
        if (Next is '(' or '!')
        {
            throw Error("an argument is a value or a query; no function takes a condition");
        }

        Typed argument = Term();
        int end = _at;
        SkipBlanks();
        if (Next is not (',' or ')'))
        {
            throw Error("expected ',' or ')': an argument is a value or a query, and no function takes a condition");
        }

        _at = end;
        return argument;
    }

    private static Typed Function(string name, List<Typed> arguments, int start)
    {
        int takes = name switch
        {
            "length" or "count" or "value" => 1,
            "match" or "search" => 2,
            _ => throw new QuerySyntaxException($"there is no function '{name}': known are length, count, match, search and value", start),
        };
        if (arguments.Count != takes)
        {
            throw new QuerySyntaxException($"{name}() takes {takes} argument{(takes == 1 ? "" : "s")}, not {arguments.Count}", start);
        }

        switch (name)
        {
            case "length":
                return new Typed(start) { Operand = new Operand.Length(Value(name, arguments[0])) };
            case "count":
                return new Typed(start) { Operand = new Operand.Count(Nodes(name, arguments[0])) };
            case "value":
                return new Typed(start) { Operand = new Operand.Only(Nodes(name, arguments[0])) };
            default:
                Operand pattern = Value(name, arguments[1]);
                bool isWhole = name == "match";
                IRegexp? constant = pattern is not Operand.Constant { Value: var literal } ? null
                    : literal.Kind == Evaluation.NodeKind.String ? IRegexp.Compile(literal.Text, isWhole) : IRegexp.Nothing;
                return constant is { IsTooLarge: true }
                    ? throw new QuerySyntaxException("the regular expression is too large: repetitions multiply what they repeat", arguments[1].Offset)
                    : new Typed(start) { Condition = new Condition.Matches(Value(name, arguments[0]), pattern, isWhole, constant) };
        }
    }

    private static Operand Value(string function, Typed argument) => argument switch
    {
        { Operand: { } operand } => operand,
        { Query: { IsSingular: true } query } => new Operand.Selected(query),
        { Query: not null } => throw new QuerySyntaxException(
            $"{function}() takes a value: this query may select several, value(…) makes one of them", argument.Offset),
        _ => throw new QuerySyntaxException($"{function}() takes a value: this function answers true or false", argument.Offset),
    };

    private static Query Nodes(string function, Typed argument) =>
        argument.Query ?? throw new QuerySyntaxException($"{function}() takes a query, as in {function}(@.*)", argument.Offset);

    private static Condition Test(Typed term) => term switch
    {
        { Condition: { } condition } => condition,
        { Query: { } query } => new Condition.Exists(query),
        { Operand: Operand.Constant } => throw new QuerySyntaxException("a value alone is no condition: compare it with something", term.Offset),
        _ => throw new QuerySyntaxException("the result of this function is a value: compare it with something", term.Offset),
    };

    private static Operand Comparable(Typed term) => term switch
    {
        { Operand: { } operand } => operand,
        { Query: { IsSingular: true } query } => new Operand.Selected(query),
        { Query: not null } => throw new QuerySyntaxException(
            "this query may select several values: compare one that selects at most one, or use count(…) or value(…)", term.Offset),
        _ => throw new QuerySyntaxException("the result of this function is true or false already: it is not compared", term.Offset),
    };

    private void Enter()
    {
        if (++_depth > DeepestNesting)
        {
            throw Error($"nested deeper than {DeepestNesting} filters, parentheses and functions");
        }
    }

    /// <summary>A term with its type: a query (NodesType), an operand (ValueType) or a condition (LogicalType).</summary>
    private readonly record struct Typed(int Offset)
    {
        public Query? Query { get; init; }

        public Operand? Operand { get; init; }

        public Condition? Condition { get; init; }
    }
}
