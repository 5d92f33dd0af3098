using System.Text.RegularExpressions;

namespace AgentFlow.Engine.Definitions.Loading;

/// <summary>How things in a file may be called.</summary>
internal static partial class Names
{
    public const string WorkflowRemedy = "Use lower-case letters, digits and single dashes, at most 64: 'support-desk'.";
    public const string AgentRemedy = "Start with a letter; then letters, digits, '_' and '-', at most 64.";
    public const string StepRemedy = "Start with a letter or '_'; then letters, digits and '_', at most 64, so that expressions can say steps.<id>.";
    public const string SignalRemedy = "Use letters, digits, '_', '-' and '.', at most 64.";

    [GeneratedRegex(@"^(?=.{1,64}\z)[a-z0-9]+(-[a-z0-9]+)*\z", RegexOptions.CultureInvariant)]
    public static partial Regex Workflow { get; }

    [GeneratedRegex(@"^[A-Za-z][A-Za-z0-9_-]{0,63}\z", RegexOptions.CultureInvariant)]
    public static partial Regex Agent { get; }

    /// <summary>What CEL can select: no dashes, and not one of its four keywords.</summary>
    [GeneratedRegex(@"^(?!(true|false|null|in)\z)[A-Za-z_][A-Za-z0-9_]{0,63}\z", RegexOptions.CultureInvariant)]
    public static partial Regex Step { get; }

    [GeneratedRegex(@"^[A-Za-z0-9_.-]{1,64}\z", RegexOptions.CultureInvariant)]
    public static partial Regex Signal { get; }

    [GeneratedRegex(@"^[A-Z][A-Z0-9_]{0,63}\z", RegexOptions.CultureInvariant)]
    public static partial Regex ErrorCode { get; }
}
