using AgentFlow.Contracts.Text;

namespace AgentFlow.Engine.Access;

/// <summary>
/// Which workflows a run's steps may start runs of, and at what cost: as one role of the run's starter had to allow the run itself,
/// one of them has to allow these.
/// </summary>
/// <param name="Roles">The limits of the roles that let the starter start runs; empty: nothing may be started.</param>
public sealed record StartLimits(IReadOnlyList<RolePolicies> Roles)
{
    /// <summary>Says why no run of a workflow may be started, whatever it costs; <see langword="null"/> when one may.</summary>
    public string? Problem(string workflow)
    {
        if (Of(workflow).Any())
        {
            return null;
        }

        return Roles.Count == 0
            ? $"its starter's roles do not grant {Permission.WorkflowsExecute}"
            : $"its starter's roles start {string.Join(", ", Roles.SelectMany(r => r.Workflows!.Patterns).Distinct(StringComparer.Ordinal))}, not '{workflow}'";
    }

    /// <summary>The same of a run that may cost so much.</summary>
    /// <param name="budgetNanoDollars">The most that the run may cost; <see langword="null"/>: no limit.</param>
    public string? Problem(string workflow, long? budgetNanoDollars)
    {
        if (Problem(workflow) is { } problem)
        {
            return problem;
        }

        return Of(workflow).Any(r => r.MaxRunNanoDollars is not { } most || budgetNanoDollars <= most)
            ? null
            : $"its starter's roles start runs of '{workflow}' of at most {DollarText.Of(Of(workflow).Max(r => r.MaxRunNanoDollars!.Value))}, and this one {(budgetNanoDollars is { } own ? $"may cost {DollarText.Of(own)}" : "has no limit")}";
    }

    /// <summary>Records compare what they hold; so does this one, by content.</summary>
    public bool Equals(StartLimits? other) => other is not null && Roles.SequenceEqual(other.Roles, ByContent.Instance);

    public override int GetHashCode() => Roles.Count;

    private IEnumerable<RolePolicies> Of(string workflow) => Roles.Where(r => r.Workflows?.Matches(workflow) != false);

    private sealed class ByContent : IEqualityComparer<RolePolicies>
    {
        public static ByContent Instance { get; } = new();

        public bool Equals(RolePolicies? one, RolePolicies? other) =>
            one?.MaxRunNanoDollars == other?.MaxRunNanoDollars
            && (one?.Workflows?.Patterns, other?.Workflows?.Patterns) switch
            {
                (null, null) => true,
                ({ } mine, { } theirs) => mine.SequenceEqual(theirs, StringComparer.Ordinal),
                _ => false,
            };

        public int GetHashCode(RolePolicies policies) => policies.MaxRunNanoDollars.GetHashCode();
    }
}
