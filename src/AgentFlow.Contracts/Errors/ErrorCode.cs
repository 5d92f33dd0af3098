using System.Collections.Frozen;
using static AgentFlow.Contracts.Errors.ErrorCategory;

namespace AgentFlow.Contracts.Errors;

/// <summary>
/// One entry of the table of error codes. Codes are part of the public contract: they are never renamed or given
/// another meaning. Each has a page under <c>docs/errors/</c>, which a test compares with this table.
/// </summary>
/// <param name="Code">SCREAMING_SNAKE.</param>
/// <param name="Status">The HTTP status that an answer with this code has.</param>
/// <param name="Category">Decides whether another try can help; a single failure may know better and say another one.</param>
/// <param name="Title">The short text that is the same for every occurrence.</param>
public sealed record ErrorCode(string Code, int Status, ErrorCategory Category, string Title)
{
    // Before the entries, which add themselves to it.
    private static readonly Dictionary<string, ErrorCode> Defined = new(StringComparer.Ordinal);

    // Requests
    public static readonly ErrorCode JsonInvalid = Define("JSON_INVALID", 400, Validation, "The text is not JSON");
    public static readonly ErrorCode TextInvalid = Define("TEXT_INVALID", 400, Validation, "The text is not UTF-8");
    public static readonly ErrorCode ParameterInvalid = Define("PARAMETER_INVALID", 400, Validation, "A query parameter or header has an impossible value");
    public static readonly ErrorCode RequestInvalid = Define("REQUEST_INVALID", 400, Validation, "The HTTP request is malformed");
    public static readonly ErrorCode ValidationFailed = Define("VALIDATION_FAILED", 422, Validation, "A field is missing, unknown or malformed");
    public static readonly ErrorCode SchemaInvalid = Define("SCHEMA_INVALID", 422, Validation, "A JSON Schema is not valid");
    public static readonly ErrorCode NotFound = Define("NOT_FOUND", 404, Permanent, "There is nothing at this address");
    public static readonly ErrorCode MethodNotAllowed = Define("METHOD_NOT_ALLOWED", 405, Permanent, "The address does not take this method");
    public static readonly ErrorCode NotAcceptable = Define("NOT_ACCEPTABLE", 406, Validation, "None of the accepted types can be given");
    public static readonly ErrorCode UnsupportedMediaType = Define("UNSUPPORTED_MEDIA_TYPE", 415, Validation, "The body has a type that is not read here");
    public static readonly ErrorCode PayloadTooLarge = Define("PAYLOAD_TOO_LARGE", 413, Validation, "The body is larger than allowed");
    public static readonly ErrorCode PreconditionFailed = Define("PRECONDITION_FAILED", 412, Permanent, "The resource has changed in the meantime");
    public static readonly ErrorCode IdempotencyKeyReused = Define("IDEMPOTENCY_KEY_REUSED", 422, Validation, "The Idempotency-Key belongs to a different request");
    public static readonly ErrorCode RateLimited = Define("RATE_LIMITED", 429, Resource, "Too many requests");

    // Access
    public static readonly ErrorCode Unauthenticated = Define("UNAUTHENTICATED", 401, Permission, "Who is asking is not known");
    public static readonly ErrorCode PermissionDenied = Define("PERMISSION_DENIED", 403, Permission, "The caller may not do this");
    public static readonly ErrorCode TenantMismatch = Define("TENANT_MISMATCH", 403, Permission, "The credentials belong to another tenant");
    public static readonly ErrorCode TenantNotFound = Define("TENANT_NOT_FOUND", 404, Permanent, "There is no such tenant");
    public static readonly ErrorCode TenantExists = Define("TENANT_EXISTS", 409, Permanent, "There is a tenant of this name");
    public static readonly ErrorCode UserNotFound = Define("USER_NOT_FOUND", 404, Permanent, "There is no such user");
    public static readonly ErrorCode UserExists = Define("USER_EXISTS", 409, Permanent, "There is a user of this name");
    public static readonly ErrorCode RoleNotFound = Define("ROLE_NOT_FOUND", 404, Permanent, "There is no such role");
    public static readonly ErrorCode RoleBuiltIn = Define("ROLE_BUILT_IN", 409, Permanent, "The role is the same in every tenant and cannot be changed");
    public static readonly ErrorCode ApiKeyNotFound = Define("API_KEY_NOT_FOUND", 404, Permanent, "There is no such API key");
    public static readonly ErrorCode SigningKeyNotFound = Define("SIGNING_KEY_NOT_FOUND", 404, Permanent, "There is no such signing key");
    public static readonly ErrorCode QuotaExceeded = Define("QUOTA_EXCEEDED", 403, Permission, "The tenant has as much of it as it may");
    public static readonly ErrorCode RunQuotaExceeded = Define("RUN_QUOTA_EXCEEDED", 429, Resource, "As many runs of the tenant are going as may");
    public static readonly ErrorCode NetworkBlocked = Define("NETWORK_BLOCKED", 403, Permission, "The address may not be reached from here");

    // Workflows
    public static readonly ErrorCode WorkflowInvalid = Define("WORKFLOW_INVALID", 422, Validation, "The workflow file has errors");
    public static readonly ErrorCode WorkflowNotFound = Define("WORKFLOW_NOT_FOUND", 404, Permanent, "There is no such workflow or version");
    public static readonly ErrorCode WorkflowVersionExists = Define("WORKFLOW_VERSION_EXISTS", 409, Permanent, "The version exists with other content");
    public static readonly ErrorCode PreflightOverBudget = Define("PREFLIGHT_OVER_BUDGET", 409, Permanent, "The run is expected to cost more than it may");
    public static readonly ErrorCode ScheduleNotFound = Define("SCHEDULE_NOT_FOUND", 404, Permanent, "There is no such schedule");
    public static readonly ErrorCode WebhookRefused = Define("WEBHOOK_REFUSED", 401, Permission, "A delivery is not signed as its webhook asks");
    public static readonly ErrorCode InputInvalid = Define("INPUT_INVALID", 422, Validation, "The input does not match its schema");
    public static readonly ErrorCode OutputInvalid = Define("OUTPUT_INVALID", 502, Permanent, "An output does not match its schema");

    // Agents
    public static readonly ErrorCode AgentNotFound = Define("AGENT_NOT_FOUND", 404, Permanent, "There is no such agent");
    public static readonly ErrorCode AgentExists = Define("AGENT_EXISTS", 409, Permanent, "There is an agent of this name or id");
    public static readonly ErrorCode AgentPolicyInvalid = Define("AGENT_POLICY_INVALID", 409, Permanent, "The agent's policy cannot be followed");
    public static readonly ErrorCode AgentNotReady = Define("AGENT_NOT_READY", 409, Permanent, "The agent is not in a status for this");

    // Expressions
    public static readonly ErrorCode ExpressionFailed = Define("EXPRESSION_FAILED", 422, Validation, "An expression cannot be evaluated");
    public static readonly ErrorCode ExpressionSyntax = Define("EXPRESSION_SYNTAX", 422, Validation, "The text is not an expression");
    public static readonly ErrorCode ExpressionTooLarge = Define("EXPRESSION_TOO_LARGE", 422, Validation, "An expression is too long or too deep");
    public static readonly ErrorCode ExpressionUnsupported = Define("EXPRESSION_UNSUPPORTED", 422, Validation, "The construct is not supported");
    public static readonly ErrorCode ExpressionUnknownVariable = Define("EXPRESSION_UNKNOWN_VARIABLE", 422, Validation, "An expression names an unknown variable");
    public static readonly ErrorCode ExpressionUnknownFunction = Define("EXPRESSION_UNKNOWN_FUNCTION", 422, Validation, "An expression calls an unknown function");
    public static readonly ErrorCode ExpressionNoSuchOverload = Define("EXPRESSION_NO_SUCH_OVERLOAD", 422, Validation, "An operator does not take these types");
    public static readonly ErrorCode ExpressionNoSuchKey = Define("EXPRESSION_NO_SUCH_KEY", 422, Validation, "A map does not have the key");
    public static readonly ErrorCode ExpressionIndexOutOfRange = Define("EXPRESSION_INDEX_OUT_OF_RANGE", 422, Validation, "An index lies outside the list");
    public static readonly ErrorCode ExpressionDivideByZero = Define("EXPRESSION_DIVIDE_BY_ZERO", 422, Validation, "An integer is divided by zero");
    public static readonly ErrorCode ExpressionOverflow = Define("EXPRESSION_OVERFLOW", 422, Validation, "A value leaves the range of its type");
    public static readonly ErrorCode ExpressionDuplicateKey = Define("EXPRESSION_DUPLICATE_KEY", 422, Validation, "A map literal has a key twice");
    public static readonly ErrorCode ExpressionInvalidArgument = Define("EXPRESSION_INVALID_ARGUMENT", 422, Validation, "A function got an unusable value");
    public static readonly ErrorCode ExpressionTooDeep = Define("EXPRESSION_TOO_DEEP", 422, Validation, "A value is nested too deeply");
    public static readonly ErrorCode ExpressionCostExceeded = Define("EXPRESSION_COST_EXCEEDED", 422, Validation, "An expression needs too much work");

    // Runs
    public static readonly ErrorCode RunNotFound = Define("RUN_NOT_FOUND", 404, Permanent, "There is no such run");
    public static readonly ErrorCode RunAlreadyEnded = Define("RUN_ALREADY_ENDED", 409, Permanent, "The run has already ended");
    public static readonly ErrorCode RunDiverged = Define("RUN_DIVERGED", 500, Permanent, "Replay decides differently from the journal");
    public static readonly ErrorCode RunTimeout = Define("RUN_TIMEOUT", 504, Transient, "The run did not end before its deadline");
    public static readonly ErrorCode RunCancelled = Define("RUN_CANCELLED", 409, Permanent, "The run was cancelled");
    public static readonly ErrorCode PlanChangeInvalid = Define("PLAN_CHANGE_INVALID", 422, Validation, "The changed plan is not valid");
    public static readonly ErrorCode PlanChanged = Define("PLAN_CHANGED", 409, Permanent, "The plan has been changed meanwhile");
    public static readonly ErrorCode StepBegun = Define("STEP_BEGUN", 409, Permanent, "A change concerns what has begun");
    public static readonly ErrorCode FrameCorrupt = Define("FRAME_CORRUPT", 500, Permanent, "A journal frame is damaged");

    // Steps
    public static readonly ErrorCode StepFailed = Define("STEP_FAILED", 502, Permanent, "A step failed");
    public static readonly ErrorCode StepTimeout = Define("STEP_TIMEOUT", 504, Transient, "A step did not end in time");
    public static readonly ErrorCode StepOutcomeUnknown = Define("STEP_OUTCOME_UNKNOWN", 502, Permanent, "Nobody knows whether the step took effect");
    public static readonly ErrorCode StepNotFound = Define("STEP_NOT_FOUND", 404, Permanent, "The run has no such step");
    public static readonly ErrorCode StepNotWaiting = Define("STEP_NOT_WAITING", 409, Permanent, "The step does not wait for an answer");
    public static readonly ErrorCode ApprovalDenied = Define("APPROVAL_DENIED", 403, Permission, "A step was not approved");
    public static readonly ErrorCode HumanTaskExpired = Define("HUMAN_TASK_EXPIRED", 504, Permanent, "Nobody answered a task in time");
    public static readonly ErrorCode HumanTaskNotFound = Define("HUMAN_TASK_NOT_FOUND", 404, Permanent, "There is no such task for people");
    public static readonly ErrorCode HumanTaskEnded = Define("HUMAN_TASK_ENDED", 409, Permanent, "The task for people has ended already");
    public static readonly ErrorCode HumanTaskClaimed = Define("HUMAN_TASK_CLAIMED", 409, Permanent, "Somebody else works on the task");
    public static readonly ErrorCode StepLimitExceeded = Define("STEP_LIMIT_EXCEEDED", 422, Permanent, "The run visited too many nodes");
    public static readonly ErrorCode WaitTimeout = Define("WAIT_TIMEOUT", 504, Transient, "A signal did not come in time");
    public static readonly ErrorCode SemaphoreTimeout = Define("SEMAPHORE_TIMEOUT", 504, Transient, "A step got no permit in time");
    public static readonly ErrorCode BarrierTimeout = Define("BARRIER_TIMEOUT", 504, Transient, "A barrier did not open in time");
    public static readonly ErrorCode ChildDepthExceeded = Define("CHILD_DEPTH_EXCEEDED", 422, Permanent, "Too many runs stand above this one");
    public static readonly ErrorCode ForeachLimit = Define("FOREACH_LIMIT", 422, Permanent, "A list has too many items");
    public static readonly ErrorCode ForeachFailed = Define("FOREACH_FAILED", 502, Permanent, "Too few items succeeded");
    public static readonly ErrorCode WhileLimit = Define("WHILE_LIMIT", 422, Permanent, "A loop wants too many rounds");
    public static readonly ErrorCode LoopWithoutProgress = Define("LOOP_WITHOUT_PROGRESS", 422, Permanent, "A loop goes round and learns nothing");
    public static readonly ErrorCode PlanInvalid = Define("PLAN_INVALID", 502, Permanent, "A model gave no plan that may be followed");
    public static readonly ErrorCode PlanQuality = Define("PLAN_QUALITY", 502, Permanent, "The output of a plan does not pass its quality gate");
    public static readonly ErrorCode PlanSuperseded = Define("PLAN_SUPERSEDED", 409, Permanent, "A signal made a plan out of date");
    public static readonly ErrorCode NoTransition = Define("NO_TRANSITION", 422, Permanent, "A state has no way on");

    // Tools
    public static readonly ErrorCode ToolNotFound = Define("TOOL_NOT_FOUND", 404, Permanent, "There is no such tool");
    public static readonly ErrorCode AdmissionFailed = Define("ADMISSION_FAILED", 500, Permanent, "It could not be decided whether a step may run");
    public static readonly ErrorCode ToolCrashed = Define("TOOL_CRASHED", 502, Permanent, "A tool broke down");
    public static readonly ErrorCode SecretNotFound = Define("SECRET_NOT_FOUND", 404, Permanent, "There is no such secret");
    public static readonly ErrorCode SecretUnavailable = Define("SECRET_UNAVAILABLE", 503, Transient, "Secrets cannot be read or written");
    public static readonly ErrorCode SecretReadOnly = Define("SECRET_READ_ONLY", 409, Permanent, "The secret is kept where it cannot be changed");
    public static readonly ErrorCode ToolNotPermitted = Define("TOOL_NOT_PERMITTED", 403, Permission, "A policy withholds the tool");
    public static readonly ErrorCode ResponseTooLarge = Define("RESPONSE_TOO_LARGE", 502, Permanent, "The other side answered too much");
    public static readonly ErrorCode ResultTooLarge = Define("RESULT_TOO_LARGE", 422, Permanent, "A result needs more memory than allowed");
    public static readonly ErrorCode PathNotFound = Define("PATH_NOT_FOUND", 422, Validation, "A path selects nothing");
    public static readonly ErrorCode HostNotFound = Define("HOST_NOT_FOUND", 502, Transient, "A host name does not resolve");
    public static readonly ErrorCode ConnectFailed = Define("CONNECT_FAILED", 502, Transient, "No connection came about");
    public static readonly ErrorCode TlsFailed = Define("TLS_FAILED", 502, Permanent, "No trusted TLS connection");
    public static readonly ErrorCode BadResponse = Define("BAD_RESPONSE", 502, Transient, "The other side's answer is unusable");
    public static readonly ErrorCode TooManyRedirects = Define("TOO_MANY_REDIRECTS", 502, Permanent, "A request was redirected too often");
    public static readonly ErrorCode UpstreamError = Define("UPSTREAM_ERROR", 502, Transient, "The other side reports trouble of its own");

    // Budgets and models
    public static readonly ErrorCode BudgetExceeded = Define("BUDGET_EXCEEDED", 402, Resource, "The budget does not cover the call");
    public static readonly ErrorCode ModelUnavailable = Define("MODEL_UNAVAILABLE", 503, Transient, "No model answered");
    public static readonly ErrorCode ModelRateLimited = Define("MODEL_RATE_LIMITED", 429, Transient, "The model provider's rate is used up");
    public static readonly ErrorCode ModelRequestRejected = Define("MODEL_REQUEST_REJECTED", 422, Validation, "The model's provider rejects the request");
    public static readonly ErrorCode ModelNotFound = Define("MODEL_NOT_FOUND", 404, Validation, "The provider has no such model");
    public static readonly ErrorCode ModelInputTooLarge = Define("MODEL_INPUT_TOO_LARGE", 413, Validation, "The prompt is larger than the model takes");
    public static readonly ErrorCode ModelRefused = Define("MODEL_REFUSED", 422, Permanent, "The model refuses to answer");
    public static readonly ErrorCode ModelAnswerInvalid = Define("MODEL_ANSWER_INVALID", 502, Transient, "The model's answer is unusable");
    public static readonly ErrorCode ModelProviderUnknown = Define("MODEL_PROVIDER_UNKNOWN", 422, Validation, "There is no such model provider");
    public static readonly ErrorCode ResidencyViolation = Define("RESIDENCY_VIOLATION", 403, Permission, "The data may not leave its region");

    // Planners
    public static readonly ErrorCode PlannerInvalidGoal = Define("PLANNER_INVALID_GOAL", 422, Validation, "The goal says nothing");
    public static readonly ErrorCode PlannerNoSkills = Define("PLANNER_NO_SKILLS", 422, Validation, "There is no skill to plan with");
    public static readonly ErrorCode PlannerInvalidManifest = Define("PLANNER_INVALID_MANIFEST", 422, Validation, "The skill manifest is malformed");
    public static readonly ErrorCode PlannerNotFound = Define("PLANNER_NOT_FOUND", 404, Permanent, "There is no such planner");
    public static readonly ErrorCode PlannerFailed = Define("PLANNER_FAILED", 500, Permanent, "A planner broke down");

    // Remote agents
    public static readonly ErrorCode InvalidPayload = Define("INVALID_PAYLOAD", 400, Validation, "A remote agent's or operator's body cannot be used");
    public static readonly ErrorCode MissingAgentId = Define("MISSING_AGENT_ID", 400, Validation, "The body names no agent");
    public static readonly ErrorCode MissingToken = Define("MISSING_TOKEN", 401, Permission, "The request brings no token");
    public static readonly ErrorCode InvalidToken = Define("INVALID_TOKEN", 401, Permission, "The token is not valid here");
    public static readonly ErrorCode TokenExpired = Define("TOKEN_EXPIRED", 401, Permission, "The token has expired");
    public static readonly ErrorCode AgentMismatch = Define("AGENT_MISMATCH", 403, Permission, "The token belongs to another agent");
    public static readonly ErrorCode AgentNotAllowed = Define("AGENT_NOT_ALLOWED", 403, Permission, "The agent may not take part");
    public static readonly ErrorCode TaskNotFound = Define("TASK_NOT_FOUND", 404, Permanent, "There is no such task");
    public static readonly ErrorCode TaskAlreadyFinished = Define("TASK_ALREADY_FINISHED", 409, Permanent, "The task has ended otherwise");
    public static readonly ErrorCode RegistrationFailed = Define("REGISTRATION_FAILED", 500, Transient, "The registration could not be written");
    public static readonly ErrorCode HeartbeatFailed = Define("HEARTBEAT_FAILED", 500, Transient, "The heartbeat could not be written");
    public static readonly ErrorCode CallbackFailed = Define("CALLBACK_FAILED", 500, Transient, "The callback could not be written");
    public static readonly ErrorCode EventFailed = Define("EVENT_FAILED", 500, Transient, "The event could not be written");
    public static readonly ErrorCode ListFailed = Define("LIST_FAILED", 500, Transient, "The list could not be read");
    public static readonly ErrorCode AuthError = Define("AUTH_ERROR", 500, Permanent, "Tokens of agents cannot be checked or made");
    public static readonly ErrorCode SubscriptionNotFound = Define("SUBSCRIPTION_NOT_FOUND", 404, Permanent, "There is no such subscription");
    public static readonly ErrorCode AgentUnavailable = Define("AGENT_UNAVAILABLE", 503, Transient, "No agent takes the task");
    public static readonly ErrorCode TaskTimedOut = Define("TASK_TIMED_OUT", 504, Permanent, "The agent did not answer in time");
    public static readonly ErrorCode TaskFailed = Define("TASK_FAILED", 502, Permanent, "The agent could not do the task");

    // Stress tests
    public static readonly ErrorCode StressTestNotFound = Define("STRESS_TEST_NOT_FOUND", 404, Permanent, "There is no such scenario or execution");
    public static readonly ErrorCode ScenarioUnderWay = Define("SCENARIO_UNDER_WAY", 409, Transient, "Another scenario of this name is under way");

    // Stores and server
    public static readonly ErrorCode DatabaseLocked = Define("DATABASE_LOCKED", 503, Transient, "The database is held by another process");
    public static readonly ErrorCode StoreUnavailable = Define("STORE_UNAVAILABLE", 503, Transient, "The store does not answer");
    public static readonly ErrorCode AuditUnavailable = Define("AUDIT_UNAVAILABLE", 503, Transient, "The audit cannot be written");
    public static readonly ErrorCode ConfigVersionNotFound = Define("CONFIG_VERSION_NOT_FOUND", 404, Permanent, "There is no such version of the settings");
    public static readonly ErrorCode ConfigContended = Define("CONFIG_CONTENDED", 409, Transient, "Others change the settings at the same moment");
    public static readonly ErrorCode AlertRuleNotFound = Define("ALERT_RULE_NOT_FOUND", 404, Permanent, "There is no such alert rule");
    public static readonly ErrorCode AlertSilenceNotFound = Define("ALERT_SILENCE_NOT_FOUND", 404, Permanent, "There is no such silence");
    public static readonly ErrorCode SettingNotFound = Define("SETTING_NOT_FOUND", 404, Permanent, "There is no such setting");
    public static readonly ErrorCode SettingScope = Define("SETTING_SCOPE", 409, Permanent, "The setting cannot be set there");
    public static readonly ErrorCode RunsNotAccepted = Define("RUNS_NOT_ACCEPTED", 409, Permanent, "No new runs are accepted");
    public static readonly ErrorCode ServerStopping = Define("SERVER_STOPPING", 503, Transient, "The server is shutting down");
    public static readonly ErrorCode InternalError = Define("INTERNAL_ERROR", 500, Permanent, "A fault in the server");

    private static readonly FrozenDictionary<string, ErrorCode> Table = Defined.ToFrozenDictionary(StringComparer.Ordinal);

    public bool Retryable => Category.IsRetryable();

    /// <summary>Every code, in ordinal order.</summary>
    public static IReadOnlyList<ErrorCode> All { get; } = [.. Table.Values.OrderBy(c => c.Code, StringComparer.Ordinal)];

    /// <summary>The entry of a code; <see langword="null"/> when the product does not define it (tools may bring their own).</summary>
    public static ErrorCode? Find(string code) => Table.GetValueOrDefault(code);

    public override string ToString() => Code;

    private static ErrorCode Define(string code, int status, ErrorCategory category, string title)
    {
        var entry = new ErrorCode(code, status, category, title);
        Defined.Add(code, entry);
        return entry;
    }
}
