using System.Globalization;
using System.Text;
using AgentFlow.Expressions.JsonPath.Evaluation;
using AgentFlow.Expressions.JsonSchema.Values;

namespace AgentFlow.Expressions.JsonPath.Syntax;

/// <summary>A constant of a query.</summary>
internal sealed class Literal
{
    private Literal(NodeKind kind) => Kind = kind;

    public static Literal Null { get; } = new(NodeKind.Null);

    public static Literal True { get; } = new(NodeKind.True);

    public static Literal False { get; } = new(NodeKind.False);

    public NodeKind Kind { get; }

    /// <summary>The content of a string.</summary>
    public string Text { get; private init; } = "";

    public byte[] Utf8 { get; private init; } = [];

    /// <summary>A number as it is written.</summary>
    public JsonNumber Exact { get; private init; }

    /// <summary>A number as a language with 64-bit integers and doubles reads it.</summary>
    public JsonNumber Rounded { get; private init; }

    public static Literal String(string text) => new(NodeKind.String) { Text = text, Utf8 = Encoding.UTF8.GetBytes(text) };

    public static Literal Number(string digits)
    {
        JsonNumber exact = JsonNumber.Parse(Encoding.ASCII.GetBytes(digits));
        JsonNumber rounded = long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)
            ? exact
            : double.Parse(digits, CultureInfo.InvariantCulture) is var number && double.IsFinite(number) ? JsonNumber.Of(number) : exact;
        return new Literal(NodeKind.Number) { Exact = exact, Rounded = rounded };
    }
}
