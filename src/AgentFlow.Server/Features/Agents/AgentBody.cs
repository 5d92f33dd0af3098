using AgentFlow.Contracts.Text;
using AgentFlow.Engine.Agents;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Agents;

/// <summary>
/// Reads what an agent shall be, over what it is: members that are absent leave it alone, and what only the server knows is
/// taken and ignored, so that an answer can be changed and sent back.
/// </summary>
internal static class AgentBody
{
    public const int MaxInstructions = 1 << 20;
    public const int MaxDefinition = 256 * 1024;
    public const int MaxPermissions = 64 * 1024;
    private const int MaxText = 200;
    private const int MaxUrl = 2000;
    private const decimal MaxLimit = 1_000_000_000_000_000;

    /// <param name="before">What it is; a new one has a kind that may be changed.</param>
    /// <param name="use">What it has spent, where the body says so.</param>
    public static RegisteredAgent Read(JsonBody body, RegisteredAgent before, bool isNew, out AgentSpend? use)
    {
        JsonBody? metadata = null;
        AgentDocument document = AgentDocument.Of(before.Document);
        if (body.RawObject("metadata", MaxPermissions) is { } told && (metadata = body.Object("metadata")) is not null)
        {
            document = document with { Metadata = told };
        }

        document = document with
        {
            Permissions = body.RawObject("permissions", MaxPermissions, orList: true) ?? document.Permissions,
            Definition = body.RawObject("definition", MaxDefinition) ?? document.Definition,
            Instructions = body.Text("instructions", MaxInstructions) ?? document.Instructions,
            Source = body.Text("source", MaxUrl) ?? document.Source,
        };
        string name = body.Text("name", AgentName.MaxLength) ?? before.Name;
        if (name.Length == 0)
        {
            body.Fault("name", "'name' is missing", "Give a name that no other agent of the tenant has.");
        }
        else if (AgentName.Problem(name) is { } problem)
        {
            body.Fault("name", $"this is no name: {problem}");
        }

        string kind = Word(body, "kind", AgentKinds.All) ?? before.Kind;
        if (isNew ? kind == AgentKinds.Remote : kind != before.Kind)
        {
            body.Fault("kind", isNew ? "a remote agent registers itself, at /orchestrator/register" : "the kind of an agent cannot be changed");
        }

        IReadOnlyList<string> statuses = before.Kind == AgentKinds.Remote ? AgentStatus.OfRemotes : AgentStatus.OfIdentities;
        RegisteredAgent agent = before with
        {
            Name = name,
            Kind = kind,
            Role = Word(body, "role", [.. AgentRoles.All, ""]) ?? before.Role,
            Category = Label(body, "category", metadata) ?? before.Category,
            Specialist = Label(body, "specialist", metadata) ?? before.Specialist,
            Status = Word(body, "status", statuses) ?? before.Status,
            BaseUrl = BaseUrl(body) ?? before.BaseUrl,
            Capabilities = Capabilities(body) ?? before.Capabilities,
            Budget = Budget(body, before.Budget, out use),
            Document = document.ToPayload(),
        };
        body.Ignore("agent_id", "last_seen", "load", "failures", "performance", "version", "created_at", "updated_at");
        return agent;
    }

    private static string[]? Capabilities(JsonBody body) =>
        body.TextList("capabilities", AgentName.MaxCapabilities, AgentName.CapabilityProblem) is { } given ? [.. given.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)] : null;

    private static string? Word(JsonBody body, string name, IReadOnlyList<string> words)
    {
        string? text = body.Text(name, MaxText);
        if (text is not null && !words.Contains(text))
        {
            body.Fault(name, $"'{text}' is no {name} of an agent{NearWord.Hint(text, words)}", $"Give one of {string.Join(", ", words.Where(w => w.Length > 0))}.");
        }

        return text;
    }

    private static string? Label(JsonBody body, string name, JsonBody? metadata)
    {
        string? text = body.Text(name, MaxText) ?? metadata?.Text(name, MaxText);
        if (text is not null && text.Any(char.IsControl))
        {
            body.Fault(name, $"'{name}' holds control characters");
        }

        return text;
    }

    private static string? BaseUrl(JsonBody body)
    {
        string? text = body.Text("base_url", MaxUrl);
        if (text is not null && !(Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https"))
        {
            body.Fault("base_url", "'base_url' is no address", "Give http://… or https://….");
        }

        return text;
    }

    private static AgentBudget Budget(JsonBody body, AgentBudget before, out AgentSpend? use)
    {
        use = null;
        if (body.Object("budget") is not { } budget)
        {
            return before;
        }

        AgentBudget limits = before;
        if (budget.Object("limits") is { } given)
        {
            limits = new AgentBudget(Amount(given, MetricTypes.Tokens), Amount(given, MetricTypes.ApiCalls), Amount(given, MetricTypes.Dollars)) { Use = before.Use };
            given.Close();
        }

        if (budget.Object("use") is { } spent)
        {
            use = new AgentSpend(
                Amount(spent, MetricTypes.Tokens) ?? before.Use.Tokens, Amount(spent, MetricTypes.ApiCalls) ?? before.Use.ApiCalls, Amount(spent, MetricTypes.Dollars) ?? before.Use.NanoDollars);
            spent.Close();
        }

        budget.Ignore("exceeded");
        budget.Close();
        return limits;
    }

    /// <summary>In the unit that is stored.</summary>
    private static long? Amount(JsonBody body, string name)
    {
        long factor = name == MetricTypes.Dollars ? 1_000_000_000 : 1;
        if (body.Number(name) is not { } amount)
        {
            return null;
        }

        if (amount < 0 || amount > MaxLimit / factor || !decimal.IsInteger(amount * factor))
        {
            body.Fault(name, $"'{name}' is no amount", factor == 1 ? "Give a whole number from 0." : "Give dollars from 0, with at most nine decimals.");
            return null;
        }

        return (long)(amount * factor);
    }
}

/// <summary>What the API's description says of an agent's body.</summary>
/// <param name="AgentId">A UUID; by default the server makes one.</param>
/// <param name="Kind">By default <c>llm</c>.</param>
/// <param name="Role">Its role in the RBAC engine.</param>
/// <param name="Permissions">What it may do there: an object, or a list of names.</param>
/// <param name="Metadata">Category, specialist, version, tags, description.</param>
/// <param name="Version">Where an agent is changed: the version that it must have.</param>
public sealed record AgentBodyNote(
    string Name,
    string? AgentId,
    string? Kind,
    string? Role,
    string? Category,
    string? Specialist,
    string? Status,
    string? BaseUrl,
    IReadOnlyList<string>? Capabilities,
    System.Text.Json.JsonElement? Permissions,
    AgentBudgetBodyNote? Budget,
    System.Text.Json.JsonElement? Metadata,
    System.Text.Json.JsonElement? Definition,
    string? Instructions,
    string? Source,
    long? Version);

/// <param name="Use">Replaces what was spent.</param>
public sealed record AgentBudgetBodyNote(AgentAmountsView? Limits, AgentAmountsView? Use);
