using System.Globalization;
using System.Text;

namespace AgentFlow.Expressions.JsonPath.Evaluation;

/// <summary>A value, with its place in the document where somebody asks for it.</summary>
internal readonly record struct Located<TNode>(TNode Value, Location? Place);

/// <summary>Where a value stands: below its parent, under a name or, without one, an index. The document itself has no location.</summary>
internal sealed record Location(Location? Parent, string? Name, int Index)
{
    /// <summary>The normalized path, RFC 9535 §2.7.</summary>
    public static string PathOf(Location? place)
    {
        var steps = new Stack<Location>();
        for (Location? at = place; at is not null; at = at.Parent)
        {
            steps.Push(at);
        }

        var path = new StringBuilder("$");
        foreach (Location step in steps)
        {
            if (step.Name is { } name)
            {
                path.Append("['");
                Append(name, path);
                path.Append("']");
            }
            else
            {
                path.Append(CultureInfo.InvariantCulture, $"[{step.Index}]");
            }
        }

        return path.ToString();
    }

    private static void Append(string name, StringBuilder path)
    {
        for (int i = 0; i < name.Length; i++)
        {
            char c = name[i];
            string? escape = c switch
            {
                '\b' => "\\b",
                '\t' => "\\t",
                '\n' => "\\n",
                '\f' => "\\f",
                '\r' => "\\r",
                '\'' => "\\'",
                '\\' => "\\\\",
                < ' ' => $"\\u{(int)c:x4}",
                _ => null,
            };
            if (escape is null && char.IsSurrogate(c) && !Rune.TryGetRuneAt(name, i, out _))
            {
                // JSON allows it in a name, no text does.
                escape = $"\\u{(int)c:x4}";
            }
            else if (char.IsHighSurrogate(c))
            {
                path.Append(c);
                c = name[++i];
            }

            _ = escape is null ? path.Append(c) : path.Append(escape);
        }
    }
}
