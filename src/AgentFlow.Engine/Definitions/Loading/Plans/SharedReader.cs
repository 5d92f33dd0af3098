using AgentFlow.Engine.Definitions.Loading.Expressions;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Definitions.Loading.Plans;

/// <summary>Reads what the runs of a tenant share by name: <c>semaphore</c> and <c>barrier</c>.</summary>
internal sealed class SharedReader(PlanContext context)
{
    private const int MostPermits = 100_000;
    private const int MostParties = 1_000;

    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);

    /// <returns><see langword="null"/> where there is none, or none that can be used.</returns>
    public SharedUse? Semaphore(Fields fields, StepScope place) =>
        Read(fields, place, SharedKind.Semaphore, "semaphore", KeySet.Semaphore, "permits", 1, MostPermits, "'semaphore: { name: ledger, permits: 3 }'");

    /// <inheritdoc cref="Semaphore"/>
    public SharedUse? Barrier(Fields fields, StepScope place) =>
        Read(fields, place, SharedKind.Barrier, "barrier", KeySet.Barrier, "parties", 2, MostParties, "'barrier: { name: release, parties: 3, timeout: 5m }'");

    private SharedUse? Read(Fields fields, StepScope place, SharedKind kind, string word, KeySet keys, string number, int least, int most, string example)
    {
        if (fields.Mapping(word, example) is not { } mapping)
        {
            return null;
        }

        var use = Fields.Of(mapping, fields.Entry(word)!.Value.Key.Offset, keys, context.Findings);
        use.Require("name", $"'{word}'", $"Add 'name: …'; runs that name the same {word} share it.");
        use.Require(number, $"'{word}'", $"Write {example}.");
        int? size = use.Integer(number, least, most);
        TimeSpan? timeout = use.Duration("timeout", Shortest);
        if (use.Text("name") is not { } name)
        {
            return null;
        }

        if (name.Text.Length is 0 or > SharedUse.MaxName)
        {
            context.Findings.Error(name, DiagnosticCodes.InvalidName, $"A {word} cannot be called so.", $"Use 1 to {SharedUse.MaxName} characters.");
            return null;
        }

        return context.Expressions.Input(name, place) is { } template && size is { } known ? new SharedUse(kind, template, known, timeout) : null;
    }
}
