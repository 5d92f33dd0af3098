namespace AgentFlow.Expressions.JsonSchema.Compilation;

/// <summary>The vocabularies of draft 2020-12 that a dialect uses; the core is always there.</summary>
[Flags]
internal enum Vocabularies
{
    Core = 0,
    Applicator = 1,
    Unevaluated = 2,
    Validation = 4,
    FormatAssertion = 8,

    /// <summary>Those of the standard metaschema. Metadata, content and format annotations change no answer and have no flag.</summary>
    Standard = Applicator | Unevaluated | Validation,
}

internal static class VocabularyUris
{
    private const string Prefix = "https://json-schema.org/draft/2020-12/vocab/";

    /// <summary>False for a vocabulary that is not known here.</summary>
    public static bool TryParse(string uri, out Vocabularies vocabulary)
    {
        Vocabularies? known = !uri.StartsWith(Prefix, StringComparison.Ordinal) ? null : uri[Prefix.Length..] switch
        {
            "applicator" => Vocabularies.Applicator,
            "unevaluated" => Vocabularies.Unevaluated,
            "validation" => Vocabularies.Validation,
            "format-assertion" => Vocabularies.FormatAssertion,
            "core" or "meta-data" or "format-annotation" or "content" => Vocabularies.Core,
            _ => null,
        };
        vocabulary = known ?? Vocabularies.Core;
        return known is not null;
    }
}
