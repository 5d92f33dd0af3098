using System.Diagnostics;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Models;

/// <summary>
/// Names of the OpenTelemetry semantic conventions for generative AI (repository open-telemetry/semantic-conventions-genai, spans
/// "inference" and "retrieval", status Development as of 2026-11). Prompts and answers are never recorded.
/// </summary>
internal static class ModelTelemetry
{
    public static readonly ActivitySource Source = new("AgentFlow.Models");

    public const string Operation = "gen_ai.operation.name";
    public const string Provider = "gen_ai.provider.name";
    public const string RequestModel = "gen_ai.request.model";
    public const string RequestTemperature = "gen_ai.request.temperature";
    public const string RequestMaxTokens = "gen_ai.request.max_tokens";
    public const string RequestTopK = "gen_ai.request.top_k";
    public const string OutputType = "gen_ai.output.type";
    public const string ResponseId = "gen_ai.response.id";
    public const string ResponseModel = "gen_ai.response.model";
    public const string FinishReasons = "gen_ai.response.finish_reasons";
    public const string InputTokens = "gen_ai.usage.input_tokens";
    public const string OutputTokens = "gen_ai.usage.output_tokens";
    public const string CachedInputTokens = "gen_ai.usage.cache_read.input_tokens";
    public const string DataSource = "gen_ai.data_source.id";
    public const string ServerAddress = "server.address";
    public const string ServerPort = "server.port";
    public const string ErrorType = "error.type";

    /// <summary>Our own: what the call cost in 10⁻⁹ dollars; absent when the model's price isn't known.</summary>
    public const string CostNanoDollars = "agentflow.cost.nano_dollars";

    /// <summary>Our own: false when the model's price isn't known, so that a cost of 0 isn't taken for free.</summary>
    public const string Priced = "agentflow.cost.priced";

    /// <summary>Our own, under the lenient residency policy: true when the call left the premises.</summary>
    public const string LeftPremises = "agentflow.residency.left_premises";

    public static void Fail(this Activity? activity, StepError error)
    {
        activity?.SetTag(ErrorType, error.Code);
        activity?.SetStatus(ActivityStatusCode.Error, error.Message);
    }
}
