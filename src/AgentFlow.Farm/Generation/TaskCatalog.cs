namespace AgentFlow.Farm.Generation;

/// <param name="Weight">How often random shapes use it.</param>
/// <param name="AgentKinds">Who may be asked to do it.</param>
/// <param name="RepeatablePercent">How many of a hundred such tasks may be tried again.</param>
public sealed record TaskKind(string Name, IReadOnlyList<string> Tools, int MeanMs, int Tokens, int Weight, IReadOnlyList<string> AgentKinds, int RepeatablePercent, IReadOnlyList<string> Names);

/// <summary>What workflows are made of. Part of the generator, as <see cref="AgentCatalog"/> is.</summary>
public static class TaskCatalog
{
    public const string Approval = "approval";
    public const string Checkpoint = "checkpoint";

    public static IReadOnlyList<TaskKind> Kinds { get; } =
    [
        new("compute", ["code_execute", "data_transform"], 500, 1000, 20, ["worker"], 100, ["Score records", "Price the basket", "Simulate demand", "Match entries", "Rank candidates"]),
        new("io_read", ["file_read", "database_query", "api_fetch"], 200, 500, 15, ["worker"], 100, ["Load customers", "Read the ledger", "Fetch orders", "Collect logs", "Open the archive"]),
        new("io_write", ["file_write", "database_write"], 300, 500, 12, ["worker"], 75, ["Store results", "Reserve stock", "Post the entry", "Update the record", "Write the report"]),
        new("api_call", ["api_fetch", "external_api"], 1000, 200, 18, ["worker"], 100, ["Call the carrier", "Charge the card", "Query the registry", "Book the slot", "Verify the address"]),
        new("decision", ["llm_call", "classifier"], 800, 2000, 10, ["planner", "specialist", "reviewer"], 100, ["Choose the route", "Classify the case", "Assess the risk", "Pick the offer", "Judge the match"]),
        new(Approval, [], 60_000, 100, 3, ["approver"], 0, ["Approve the payment", "Sign the release", "Confirm the change", "Accept the risk", "Clear the exception"]),
        new("aggregation", ["data_transform", "summarizer"], 400, 1500, 8, ["specialist", "reviewer"], 100, ["Merge the findings", "Summarize the branch", "Total the batch", "Join the answers", "Condense the notes"]),
        new("notification", ["email", "slack", "sms"], 100, 200, 6, ["worker"], 75, ["Tell the customer", "Alert the team", "Send the receipt", "Page the owner", "Announce the result"]),
        new(Checkpoint, [], 50, 0, 8, ["worker"], 0, ["Save progress", "Mark the milestone", "Keep the state", "Seal the stage", "Record the position"]),
    ];

    /// <exception cref="KeyNotFoundException">No kind has this name.</exception>
    public static TaskKind Kind(string name) => Kinds.FirstOrDefault(k => k.Name == name) ?? throw new KeyNotFoundException($"no task kind is called '{name}'.");
}
