namespace AgentFlow.Contracts.Tools;

/// <summary>One difference between two versions of a contract.</summary>
/// <param name="Path">JSON pointer into the contract; into the old one for what was removed.</param>
/// <param name="Message">What changed, in one sentence.</param>
public sealed record ContractChange(ChangeLevel Level, string Path, string Message);

/// <summary>What became of one contract.</summary>
/// <param name="OldVersion"><see langword="null"/> for a new skill.</param>
/// <param name="NewVersion"><see langword="null"/> for a removed skill.</param>
/// <param name="Declared">What the two versions say; <see langword="null"/> when there are not two, or when they go backwards.</param>
/// <param name="Changes">By descending level, then by path.</param>
public sealed record ContractComparison(
    string Id, string? OldVersion, string? NewVersion, ChangeLevel? Declared, IReadOnlyList<ContractChange> Changes)
{
    /// <summary>The level of the gravest change.</summary>
    public ChangeLevel Required => Changes.Count == 0 ? ChangeLevel.None : Changes.Max(c => c.Level);

    /// <summary>Whether the declared bump covers the changes.</summary>
    public bool Sufficient { get; init; }
}

/// <summary>
/// Compares contracts, or whole manifests, by the rules of <c>docs/reference/contract-compatibility.md</c>, and says whether
/// the versions that they declare cover the changes.
/// </summary>
public sealed record ContractDiff
{
    /// <summary>Those that differ in anything, version included, by id.</summary>
    public required IReadOnlyList<ContractComparison> Contracts { get; init; }

    public ChangeLevel Required => Contracts.Count == 0 ? ChangeLevel.None : Contracts.Max(c => c.Required);

    public bool Sufficient => Contracts.All(c => c.Sufficient);

    public static ContractDiff Compare(ToolManifest old, ToolManifest @new)
    {
        ArgumentNullException.ThrowIfNull(old);
        ArgumentNullException.ThrowIfNull(@new);
        ChangeLevel? declared = old.Version is null || @new.Version is null ? null : ChangeLevels.Declared(old.Version, @new.Version);
        Dictionary<string, ToolContract> before = old.Contracts.ToDictionary(c => c.Id, StringComparer.Ordinal);
        Dictionary<string, ToolContract> after = @new.Contracts.ToDictionary(c => c.Id, StringComparer.Ordinal);

        var comparisons = new List<ContractComparison>();
        foreach (string id in before.Keys.Union(after.Keys).Order(StringComparer.Ordinal))
        {
            ContractComparison comparison = (before.GetValueOrDefault(id), after.GetValueOrDefault(id)) switch
            {
                // Only the version of the whole can answer for a skill that is gone. A new one brings its own.
                ({ } gone, null) => new(id, gone.Version, null, declared, [new(ChangeLevel.Major, "", $"The skill '{id}' was removed.")])
                {
                    Sufficient = declared >= ChangeLevel.Major,
                },
                (null, { } added) => new(id, null, added.Version, declared, [new(ChangeLevel.Minor, "", $"The skill '{id}' was added.")])
                {
                    Sufficient = old.Version is null || @new.Version is null || declared >= ChangeLevel.Minor,
                },
                ({ } one, { } other) => Compare(one, other),
                _ => throw new InvalidOperationException("An id comes from one of the two manifests."),
            };
            if (comparison.Changes.Count > 0 || comparison.OldVersion != comparison.NewVersion) comparisons.Add(comparison);
        }

        return new ContractDiff { Contracts = comparisons };
    }

    /// <summary>Compares two versions of one contract.</summary>
    /// <exception cref="FormatException">A version is not semantic, or a schema has no canonical JSON form.</exception>
    public static ContractComparison Compare(ToolContract old, ToolContract @new)
    {
        ArgumentNullException.ThrowIfNull(old);
        ArgumentNullException.ThrowIfNull(@new);
        var changes = new List<ContractChange>();
        Surroundings(old, @new, changes);
        Codes(old.ErrorCodes, @new.ErrorCodes, changes);
        new SchemaDiff(old.InputSchema, @new.InputSchema, isInput: true, changes).Run();
        new SchemaDiff(old.OutputSchema, @new.OutputSchema, isInput: false, changes).Run();

        ChangeLevel? declared = ChangeLevels.Declared(SemanticVersion.Parse(old.Version), SemanticVersion.Parse(@new.Version));
        ChangeLevel required = changes.Count == 0 ? ChangeLevel.None : changes.Max(c => c.Level);
        return new ContractComparison(
            @new.Id,
            old.Version,
            @new.Version,
            declared,
            [.. changes.OrderByDescending(c => c.Level).ThenBy(c => c.Path, StringComparer.Ordinal)])
        {
            Sufficient = declared >= required,
        };
    }

    private static void Surroundings(ToolContract old, ToolContract @new, List<ContractChange> changes)
    {
        if (old.Description != @new.Description) Add(ChangeLevel.Patch, "/description", "The description changed.");

        ChangeLevel determinism = @new.Determinism < old.Determinism ? ChangeLevel.Major : ChangeLevel.Minor;
        if (old.Determinism != @new.Determinism)
        {
            Add(determinism, "/determinism", $"Determinism went from {Upper(old.Determinism)} to {Upper(@new.Determinism)}.");
        }

        if (old.Effects != @new.Effects)
        {
            bool external = @new.Effects == Effects.External;
            Add(
                external ? ChangeLevel.Major : ChangeLevel.Minor,
                "/effects",
                external ? "The skill now has effects outside the run." : "The skill no longer has effects outside the run.");
        }

        if (old.Idempotency != @new.Idempotency)
        {
            int before = Promise(old.Idempotency), after = Promise(@new.Idempotency);
            Add(
                after < before ? ChangeLevel.Major : after > before ? ChangeLevel.Minor : ChangeLevel.Patch,
                "/idempotency",
                $"Idempotency went from {Lower(old.Idempotency)} to {Lower(@new.Idempotency)}.");
        }

        string[] needed = [.. old.Permissions.Where(p => p != "none")], needs = [.. @new.Permissions.Where(p => p != "none")];
        foreach (string permission in needs.Except(needed)) Add(ChangeLevel.Major, "/permissions", $"The permission '{permission}' is needed now.");
        foreach (string permission in needed.Except(needs)) Add(ChangeLevel.Minor, "/permissions", $"The permission '{permission}' is no longer needed.");

        if (@new.MaxCostNanoDollars > old.MaxCostNanoDollars) Add(ChangeLevel.Minor, "/max_cost_dollars", "A call may cost more than before.");
        if (@new.MaxCostNanoDollars < old.MaxCostNanoDollars) Add(ChangeLevel.Patch, "/max_cost_dollars", "A call costs less than before.");
        if (@new.Timeout != old.Timeout)
        {
            Add(
                ChangeLevel.Patch,
                "/timeout_ms",
                $"The default time limit went from {old.Timeout.TotalMilliseconds} to {@new.Timeout.TotalMilliseconds} ms.");
        }

        void Add(ChangeLevel level, string path, string message) => changes.Add(new ContractChange(level, path, message));
    }

    private static void Codes(IReadOnlyDictionary<string, string> old, IReadOnlyDictionary<string, string> @new, List<ContractChange> changes)
    {
        foreach (string code in old.Keys.Union(@new.Keys))
        {
            string path = $"/error_codes/{SchemaDiff.Escape(code)}";
            if (!@new.TryGetValue(code, out string? meaning)) changes.Add(new(ChangeLevel.Major, path, $"The error code {code} was removed."));
            else if (!old.TryGetValue(code, out string? before)) changes.Add(new(ChangeLevel.Minor, path, $"The error code {code} was added."));
            else if (before != meaning) changes.Add(new(ChangeLevel.Major, path, $"The meaning of the error code {code} changed."));
        }
    }

    /// <summary>How much a caller may rely on; that a repetition does harm, or that nobody knows, is no promise.</summary>
    private static int Promise(Idempotency idempotency) => idempotency switch { Idempotency.Natural => 2, Idempotency.Key => 1, _ => 0 };

    private static string Lower(Idempotency idempotency) => idempotency.ToString().ToLowerInvariant();

    private static string Upper(Determinism determinism) => determinism.ToString().ToUpperInvariant();
}
