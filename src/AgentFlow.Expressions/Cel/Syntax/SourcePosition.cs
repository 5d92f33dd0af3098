namespace AgentFlow.Expressions.Cel.Syntax;

/// <summary>Offsets as lines and columns.</summary>
internal static class SourcePosition
{
    /// <summary>Adds line and column to an error that has an offset and no line yet.</summary>
    public static CelError Locate(CelError error, string source)
    {
        if (error.Offset < 0 || error.Line > 0)
        {
            return error;
        }

        var before = source.AsSpan(0, Math.Min(error.Offset, source.Length));
        var lineStart = before.LastIndexOf('\n') + 1;
        var column = 1;
        foreach (var c in before[lineStart..])
        {
            column += char.IsLowSurrogate(c) ? 0 : 1;
        }

        return error with { Line = before.Count('\n') + 1, Column = column };
    }
}
