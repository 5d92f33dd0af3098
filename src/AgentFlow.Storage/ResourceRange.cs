namespace AgentFlow.Storage;

/// <summary>The resources that a filter names, as a range in the order of their bytes.</summary>
internal static class ResourceRange
{
    // Above every text that is a resource.
    private const string Last = "\U0010FFFF";

    /// <param name="filter">A whole resource, its beginning followed by <c>*</c>, or <see langword="null"/> for any.</param>
    public static (string Low, string High) Of(string? filter) => filter switch
    {
        null => ("", Last),
        [.. var beginning, '*'] => (beginning, beginning + Last),
        _ => (filter, filter),
    };
}
