namespace AgentFlow.Expressions.Cel.Syntax;

internal enum TokenKind : byte
{
    End,
    Identifier,
    QuotedIdentifier,
    Literal,
    IntegerLiteral,
    In,
    LeftParenthesis,
    RightParenthesis,
    LeftBracket,
    RightBracket,
    LeftBrace,
    RightBrace,
    Dot,
    Comma,
    Colon,
    Question,
    Plus,
    Minus,
    Star,
    Slash,
    Percent,
    Not,
    And,
    Or,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// <summary>A lexical element.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Start">UTF-16 offset of its first character.</param>
/// <param name="End">Offset after its last character.</param>
/// <param name="Text">The name, of an identifier.</param>
/// <param name="Value">The value, of a literal; of an integer its magnitude as a uint, since the sign comes before.</param>
internal readonly record struct Token(TokenKind Kind, int Start, int End, string? Text = null, CelValue Value = default);
