using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace AgentFlow.Expressions.JsonSchema.Patterns;

/// <summary>
/// A regular expression as JSON Schema means it: ECMA-262 with Unicode semantics, matching anywhere. It runs in time
/// linear in the text where it has no look-around and no back-reference, else under a time limit. Safe for concurrent use.
/// </summary>
internal sealed class EcmaPattern
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);

    private readonly Regex _basic;
    private readonly Lazy<Regex> _astral;

    private EcmaPattern(string source)
    {
        Source = source;
        _basic = Create(source, astral: false);

        // Few texts have characters that take two UTF-16 units, and the pattern for them is far more expensive to make.
        _astral = new Lazy<Regex>(() => Create(source, astral: true));
    }

    public string Source { get; }

    public static bool TryCreate(string source, [NotNullWhen(true)] out EcmaPattern? pattern, [NotNullWhen(false)] out string? problem)
    {
        pattern = null;
        try
        {
            pattern = new EcmaPattern(source);
            problem = null;
            return true;
        }
        catch (EcmaSyntaxException e)
        {
            problem = e.Message;
        }
        catch (ArgumentException)
        {
            problem = "it is too complicated.";
        }

        return false;
    }

    /// <summary>Whether the text is a regular expression, without making it ready for use.</summary>
    public static bool IsWellFormed(string source)
    {
        try
        {
            new EcmaTranslator(source, astral: false).Translate(out _);
            return true;
        }
        catch (EcmaSyntaxException)
        {
            return false;
        }
    }

    /// <exception cref="EvaluationAbortedException">The time limit was reached.</exception>
    public bool IsMatch(string text)
    {
        try
        {
            bool astral = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') >= 0;
            return (astral ? _astral.Value : _basic).IsMatch(text);
        }
        catch (RegexMatchTimeoutException)
        {
            throw new EvaluationAbortedException(
                $"The pattern {Values.Describe.Short(Source)} takes longer than {Limit.TotalSeconds:0} s on a text of {text.Length} characters. "
                + "Simplify the pattern.");
        }
    }

    private static Regex Create(string source, bool astral)
    {
        string pattern = new EcmaTranslator(source, astral).Translate(out bool linear);
        if (linear)
        {
            try
            {
                return new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking, Limit);
            }
            catch (NotSupportedException)
            {
                // Large counted repetitions would need too large an automaton; they are left to the time limit.
            }
        }

        return new Regex(pattern, RegexOptions.CultureInvariant, Limit);
    }
}

/// <summary>The source is not a regular expression of ECMA-262.</summary>
internal sealed class EcmaSyntaxException(string message) : Exception(message);
