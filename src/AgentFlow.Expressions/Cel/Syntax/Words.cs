using System.Collections.Frozen;

namespace AgentFlow.Expressions.Cel.Syntax;

/// <summary>Words that are no identifiers.</summary>
internal static class Words
{
    private static readonly FrozenSet<string> Reserved = FrozenSet.Create(
        StringComparer.Ordinal,
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while");

    /// <summary>Set aside for host languages: usable as field and method names only.</summary>
    public static bool IsReserved(string name) => Reserved.Contains(name);

    /// <summary>Keywords may not be used as names anywhere.</summary>
    public static bool IsKeyword(string name) => name is "true" or "false" or "null" or "in";
}
