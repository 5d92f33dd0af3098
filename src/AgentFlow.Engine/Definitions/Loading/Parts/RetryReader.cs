using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Yaml;

namespace AgentFlow.Engine.Definitions.Loading.Parts;

/// <summary>Reads a <c>retry</c> block.</summary>
internal static class RetryReader
{
    /// <summary>Attempts of a retry block that does not say how many, and of <c>on_error: retry</c> without a block.</summary>
    public const int DefaultAttempts = 3;

    private const int MostAttempts = 1_000;

    private static readonly RetryPolicy Default = new() { MaxAttempts = DefaultAttempts };

    public static RetryPolicy? Read(Fields owner, Findings findings)
    {
        if (owner.Mapping("retry", $"'retry: {{ max_attempts: {DefaultAttempts} }}'") is not { } mapping)
        {
            return null;
        }

        var fields = Fields.Of(mapping, owner.Entry("retry")!.Value.Key.Offset, KeySet.Retry, findings);
        return ReadWaits(fields, findings) with
        {
            MaxAttempts = fields.Integer("max_attempts", 1, MostAttempts) ?? Default.MaxAttempts,
            Jitter = fields.Number("jitter", 0, 1) ?? Default.Jitter,
            On = ReadCategories(fields, findings) ?? Default.On,
        };
    }

    /// <summary>How long the waits between attempts are.</summary>
    public static RetryPolicy ReadWaits(Fields fields, Findings findings)
    {
        bool? constant = fields.Word("backoff", ("exponential", false), ("constant", true));
        if (constant is true)
        {
            fields.Refuse("factor", "with 'backoff: constant'", "Remove one of them.");
        }

        TimeSpan? initial = fields.Duration("initial", TimeSpan.Zero);
        TimeSpan? max = fields.Duration("max", TimeSpan.Zero);
        if (initial > max)
        {
            findings.Error(fields["max"]!, DiagnosticCodes.OutOfRange, "'max' is shorter than 'initial'.", "Raise 'max' or lower 'initial'.");
        }

        TimeSpan first = initial ?? Default.Initial;
        return Default with
        {
            Initial = max < first ? max.Value : first,
            Max = max ?? (first > Default.Max ? first : Default.Max),
            Factor = fields.Number("factor", 1, 100) is { } factor && constant is not true ? factor : constant is true ? 1 : Default.Factor,
        };
    }

    public static RetryPolicy WhenAsked { get; } = Default;

    private static List<ErrorCategory>? ReadCategories(Fields fields, Findings findings)
    {
        if (fields.Texts("on", "a list: [transient, resource]") is not { } words)
        {
            return null;
        }

        if (words.Count == 0)
        {
            findings.Error(fields["on"]!, DiagnosticCodes.EmptyList, "'on' is empty: nothing would be tried again.", "Name a category, or remove 'on'.");
        }

        var categories = new List<ErrorCategory>();
        foreach (YamlScalar word in words)
        {
            if (Enum.GetValues<ErrorCategory>().Where(c => Word(c) == word.Text).Select(c => (ErrorCategory?)c).FirstOrDefault() is { } category)
            {
                categories.Add(category);
            }
            else
            {
                string[] known = [.. Enum.GetValues<ErrorCategory>().Select(Word)];
                findings.Error(word, DiagnosticCodes.UnknownValue, $"'{Excerpt.Of(word.Text)}' is not a category of errors.", findings.Suggest(word.Text, known) + $"Known: {string.Join(", ", known)}.");
            }
        }

        return categories;
    }

    private static string Word(ErrorCategory category) => category.Word().ToLowerInvariant();
}
