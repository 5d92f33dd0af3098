namespace AgentFlow.Server.Features.Secrets;

/// <summary>What may be told about a secret. Values are never answered.</summary>
/// <param name="Reference">As a step's input names it.</param>
/// <param name="Provider">Where it is kept: <c>file</c>, <c>env</c>, <c>vault</c> or <c>azure</c>.</param>
/// <param name="Fields">Names of its fields; empty for a secret that is one text, or when the place does not tell.</param>
/// <param name="Version">Counts its values, where the place counts them.</param>
/// <param name="RotateEveryDays">Its schedule.</param>
/// <param name="DueAt">When it is to be replaced.</param>
/// <param name="Status"><c>ok</c>, <c>due_soon</c> (less than a tenth of its schedule is left), <c>overdue</c>, or <c>unscheduled</c>.</param>
public sealed record SecretView(
    string Name, string Reference, string Provider, IReadOnlyList<string> Fields, string? Version, DateTimeOffset? CreatedAt, DateTimeOffset? RotatedAt, double? RotateEveryDays, DateTimeOffset? DueAt, string Status)
{
    private static readonly TimeSpan SoonWithoutSchedule = TimeSpan.FromDays(7);

    internal static SecretView Of(SecretState state, DateTimeOffset now)
    {
        TimeSpan soon = state.RotateEvery / 10 ?? SoonWithoutSchedule;
        string status = state.DueAt is not { } due ? "unscheduled" : due <= now ? "overdue" : due - now <= soon ? "due_soon" : "ok";
        return new SecretView(
            state.Name, $"secret://{state.Name}", state.Provider, state.Fields, state.Version.Length == 0 ? null : state.Version, state.CreatedAt, state.RotatedAt, state.RotateEvery?.TotalDays, state.DueAt, status);
    }
}

/// <summary>New values of a secret: either a text or fields.</summary>
/// <param name="Value">6 characters to 64 KiB.</param>
/// <param name="RotateEvery">For example <c>90d</c>; <c>never</c> ends a schedule; absent leaves it.</param>
public sealed record SecretBody(string? Value, IReadOnlyDictionary<string, string>? Fields, string? RotateEvery);
