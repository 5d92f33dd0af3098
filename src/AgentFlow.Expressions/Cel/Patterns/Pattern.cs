namespace AgentFlow.Expressions.Cel.Patterns;

/// <summary>
/// A regular expression with RE2's syntax and meaning: code points rather than UTF-16 units, ASCII <c>\d \w \s \b</c>,
/// <c>$</c> at the very end only, time linear in the text. .NET's linear engine differs in each of the first three and
/// cannot say beforehand what a match will cost. Safe for use by many threads.
/// </summary>
internal sealed class Pattern
{
    /// <summary>Longest pattern accepted when it is only known at evaluation, in UTF-16 units.</summary>
    public const int LongestDynamic = 1000;

    private const int MostInstructions = 10_000;

    private readonly PatternProgram _program;

    // One automaton at a time is kept between matches; a second concurrent match starts its own.
    private PatternAutomaton? _idle;

    private Pattern(PatternProgram program) => _program = program;

    /// <summary>Instructions the pattern compiled to.</summary>
    public int Size => _program.Count;

    /// <summary>Null, with the reason, for text that is no pattern or a too large one.</summary>
    public static Pattern? TryCompile(string source, out string? problem)
    {
        try
        {
            var pattern = TryCompile(PatternParser.Parse(source));
            problem = pattern is null ? "too large; repetitions multiply what they repeat" : null;
            return pattern;
        }
        catch (PatternException error)
        {
            problem = error.Message;
            return null;
        }
    }

    /// <summary>A pattern of another syntax than RE2's. Null for one that is too large.</summary>
    public static Pattern? TryCompile(PatternNode node) => node.Size > MostInstructions ? null : new Pattern(PatternProgram.Compile(node));

    /// <summary>Units to charge for matching a text: what the automaton does at worst, every instruction at every character.</summary>
    public long CostOf(string text) => 1 + ((long)text.Length * Size >> 5);

    /// <summary>Whether the pattern matches anywhere in the text.</summary>
    public bool IsMatch(string text)
    {
        var automaton = Interlocked.Exchange(ref _idle, null) ?? new PatternAutomaton(_program);
        var isMatch = automaton.IsMatch(text);
        _idle = automaton;
        return isMatch;
    }
}
