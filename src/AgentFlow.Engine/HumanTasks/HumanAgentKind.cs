using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;

namespace AgentFlow.Engine.HumanTasks;

/// <summary>
/// Kind <c>human</c>: a step's input becomes the data of a task, and what somebody answers the step's output. A state or step with
/// <c>human:</c> is the same with a title, a description, data and an assignee that may have expressions.
/// </summary>
public sealed class HumanAgentKind(HumanTaskDesk desk) : IAgentKind
{
    public const string Word = "human";

    string IAgentKind.Kind => Word;

    public IReadOnlyList<AgentProblem> Check(AgentDefinition agent, WorkflowAssets assets)
    {
        var settings = new HumanSettings(agent.Settings);
        settings.Order();
        settings.End("a human agent", "kind", "role", "permissions", "description", "title");
        return settings.Problems;
    }

    public ITool Compile(AgentDefinition agent, WorkflowAssets assets) => new HumanTaskTool(desk, agent.Id, new HumanSettings(agent.Settings).Order(), agent.IsStep);
}

/// <summary>Hands a step over to people. The step ends with the end of its task.</summary>
public sealed class HumanTaskTool : ITool
{
    // The task's row decides what is in time. The run's own limit only holds where that row was lost.
    private static readonly TimeSpan Grace = TimeSpan.FromDays(30);
    private static readonly TimeSpan Endless = TimeSpan.FromDays(3650);

    private readonly HumanTaskDesk _desk;
    private readonly HumanTaskOrder _order;
    private readonly bool _isStep;

    /// <param name="isStep">The input of a call says what the task says: <c>title</c>, <c>description</c>, <c>data</c>, <c>assignee</c>.</param>
    internal HumanTaskTool(HumanTaskDesk desk, string id, HumanTaskOrder order, bool isStep)
    {
        (_desk, _order, _isStep) = (desk, order, isStep);
        Contract = new ToolContract
        {
            Id = $"{HumanAgentKind.Word}.{id}",
            Version = "1.0.0",
            Description = order.Title,
            OutputSchema = order.Form is { } form ? JsonElement.Parse(form.Utf8.Span) : null,
            Timeout = TimeSpan.FromSeconds(30),
            // A step's task is put once, however often it is put.
            Idempotency = Idempotency.Key,
            ErrorCodes = new Dictionary<string, string>(StringComparer.Ordinal) { [ErrorCode.HumanTaskExpired.Code] = "Nobody answered in time." },
        };
    }

    public ToolContract Contract { get; }

    /// <summary>The store may be away for a moment, and nobody has been asked then.</summary>
    public RetryPolicy? DefaultRetry { get; } = new() { MaxAttempts = 1000, Max = TimeSpan.FromSeconds(30) };

    /// <summary>The agent whose calls are tasks; <see langword="null"/> for a step with <c>human:</c>.</summary>
    public string? Agent => _isStep ? null : Contract.Id[(HumanAgentKind.Word.Length + 1)..];

    public async ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken)
    {
        if (call.Address is not { } address || !Ulid.TryParse(call.RunId, out Ulid run))
        {
            return StepOutcome.Failure(ErrorCode.StepFailed.Code, ErrorCategory.Permanent, "People answer later, and only a run can wait for them.");
        }

        HumanTask task;
        try
        {
            task = await _desk.OpenAsync(call.Tenant, run, address, "", call.Workflow?.Name ?? "", call.StepPath, Order(call.Input), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return StepOutcome.Failure(ErrorCode.StoreUnavailable.Code, ErrorCategory.Transient, $"The task could not be stored: {e.Message}");
        }

        return task.IsOpen || task.Status == HumanTaskStatus.Cancelled ? Handed() : OutcomeOf(task);
    }

    /// <summary>What becomes of the call where tasks are put nowhere and somebody else says what people do.</summary>
    /// <param name="answer">What is answered, and how long after the call; <see langword="null"/>: nobody answers.</param>
    /// <returns>The attempt's outcome, and how and when the step ends after it; <see langword="null"/>: it never does.</returns>
    public (StepOutcome Now, (StepOutcome Outcome, TimeSpan After)? End) Imagine(ToolCall call, (StepOutcome Outcome, TimeSpan After)? answer) =>
        (Handed(), _order.Timeout is { } timeout && !(answer?.After < timeout) ? (OutcomeOf(_order.DefaultAnswer, Order(call.Input).Title), timeout) : answer);

    /// <summary>The end of a task as the outcome of its step.</summary>
    public static StepOutcome OutcomeOf(HumanTask task) => OutcomeOf(task.Answer, task.Order.Title);

    private static StepOutcome OutcomeOf(Payload? answer, string title) => answer is not null
        ? StepOutcome.Success(answer.Utf8)
        : StepOutcome.Failure(ErrorCode.HumanTaskExpired.Code, ErrorCategory.Permanent, $"Nobody answered the task '{title}' in time.");

    private StepOutcome Handed() => StepOutcome.Later(_order.Timeout is { } timeout ? timeout + Grace : Endless);

    private HumanTaskOrder Order(ReadOnlyMemory<byte> input)
    {
        if (!_isStep)
        {
            return _order with { Data = new Payload(input) };
        }

        JsonElement json = JsonElement.Parse(input.Span);
        var assignee = json.TryGetProperty("assignee", out JsonElement to) ? new Assignee(Text(to, "role"), Text(to, "user")) : Assignee.Anybody;
        return _order with
        {
            Title = Text(json, "title") is { Length: > 0 } title ? title : _order.Title,
            Description = Text(json, "description") ?? "",
            Data = json.TryGetProperty("data", out JsonElement data) ? Payload.FromText(data.GetRawText()) : null,
            To = assignee,
        };
    }

    private static string? Text(JsonElement json, string name) => json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null
        ? value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText()
        : null;
}
