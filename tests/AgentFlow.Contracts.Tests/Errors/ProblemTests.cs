using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Json;

namespace AgentFlow.Contracts.Tests.Errors;

public sealed class ProblemTests
{
    [Fact]
    public void Of_Code_FillsTheRfcMembers()
    {
        Problem problem = Problem.Of(
            ErrorCode.WorkflowInvalid,
            "The file has 1 error.",
            [new ProblemEntry("'needs' is not a key", Pointer: "/steps/0/needs", Line: 12, Column: 5, Remedy: "Write depends_on.")]) with
        { TraceId = "abc" };

        Assert.Equal(
            """
            {"type":"/docs/errors/WORKFLOW_INVALID","title":"The workflow file has errors","status":422,"detail":"The file has 1 error.",
            "code":"WORKFLOW_INVALID","retryable":false,"trace_id":"abc",
            "errors":[{"message":"\u0027needs\u0027 is not a key","pointer":"/steps/0/needs","line":12,"column":5,"remedy":"Write depends_on."}]}
            """.ReplaceLineEndings(""),
            JsonSerializer.Serialize(problem, WireJson.Default.Problem));
    }

    [Fact]
    public void Of_NothingToAdd_LeavesMembersOut() => Assert.Equal(
        """{"type":"/docs/errors/RATE_LIMITED","title":"Too many requests","status":429,"code":"RATE_LIMITED","retryable":true}""",
        JsonSerializer.Serialize(Problem.Of(ErrorCode.RateLimited, errors: []), WireJson.Default.Problem));

    [Fact]
    public void Json_RoundTrip_KeepsEverything()
    {
        Problem problem = Problem.Of(ErrorCode.StepTimeout, "late") with { Instance = "/api/v1/runs/x", TraceId = "t" };
        Assert.Equal(problem, JsonSerializer.Deserialize(JsonSerializer.Serialize(problem, WireJson.Default.Problem), WireJson.Default.Problem));
    }
}
