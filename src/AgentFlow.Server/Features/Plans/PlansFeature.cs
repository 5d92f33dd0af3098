using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Planning;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access;
using AgentFlow.Server.Features.Docs;

namespace AgentFlow.Server.Features.Plans;

/// <summary>The addresses under <c>/plans</c>.</summary>
internal static class PlansFeature
{
    public static void MapPlans(this IEndpointRouteBuilder api, PlanEndpoints plans) =>
        api.MapPost("/plans", plans.PlanAsync)
            .Says("makePlan", "Plans", "Plan for a goal", "Nothing is stored and nothing runs. The planner 'deterministic' answers equal goals and manifests with equal bytes (RFC 8785); 'llm' and 'claude' ask a model, whose plan is held to the manifest and may differ from call to call.")
            .Needs(Permission.PlansMake)
            .TakesBody<PlanBody>(true)
            .Gives<PlannerOutput>(200, "The plan: steps in an order that respects their dependencies.")
            .Fails(
                ErrorCode.JsonInvalid,
                ErrorCode.ValidationFailed,
                ErrorCode.PayloadTooLarge,
                ErrorCode.UnsupportedMediaType,
                ErrorCode.PlannerInvalidGoal,
                ErrorCode.PlannerNoSkills,
                ErrorCode.PlannerInvalidManifest,
                ErrorCode.PlannerNotFound,
                ErrorCode.PlannerFailed,
                ErrorCode.PlanInvalid,
                ErrorCode.ModelUnavailable,
                ErrorCode.ModelRateLimited,
                ErrorCode.ModelRequestRejected,
                ErrorCode.ModelNotFound,
                ErrorCode.ModelRefused,
                ErrorCode.ModelAnswerInvalid,
                ErrorCode.ModelProviderUnknown,
                ErrorCode.ResidencyViolation);
}
