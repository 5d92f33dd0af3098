namespace AgentFlow.Server.Features.Activities;

/// <summary>What one reader wants to see; <see langword="null"/> is everything. Several words of one member are alternatives.</summary>
internal sealed record ActivityFilter
{
    public static ActivityFilter Everything { get; } = new();

    /// <summary>Types; one that ends with <c>*</c> means all that begin so.</summary>
    public IReadOnlyList<string>? Types { get; init; }

    public IReadOnlyList<string>? Agents { get; init; }

    public IReadOnlyList<string>? Roles { get; init; }

    public IReadOnlyList<string>? Categories { get; init; }

    public bool Wants(ActivityItem item) => WantsType(item.Type) && Has(Agents, item.AgentId) && Has(Roles, item.Role) && Has(Categories, item.Category);

    private bool WantsType(string type)
    {
        if (Types is null)
        {
            return true;
        }

        foreach (string wanted in Types)
        {
            if (wanted.EndsWith('*') ? type.AsSpan().StartsWith(wanted.AsSpan(0, wanted.Length - 1), StringComparison.Ordinal) : type == wanted)
            {
                return true;
            }
        }

        return false;
    }

    private static bool Has(IReadOnlyList<string>? wanted, string? value) => wanted is null || (value is not null && wanted.Contains(value));
}
