using System.Text.Json.Serialization;

namespace AgentFlow.Farm.Http;

/// <summary>The body of every error answer (RFC 9457, <c>application/problem+json</c>).</summary>
/// <param name="Type">Always <c>about:blank</c>: FARM serves no pages about its codes, which docs/errors explains.</param>
/// <param name="Code">Stable SCREAMING_SNAKE code.</param>
/// <param name="Errors">The single faults, when parameters have some.</param>
public sealed record FarmProblem(string Type, string Title, int Status, string Detail, string Code, bool Retryable, IReadOnlyList<ParameterFault>? Errors = null)
{
    public const string MediaType = "application/problem+json";

    private const string Untyped = "about:blank";

    public static FarmProblem Parameters(IReadOnlyList<ParameterFault> faults) =>
        new(Untyped, "Parameter invalid", 400, string.Join(' ', faults.Select(f => f.Message)), "PARAMETER_INVALID", false, faults);

    public static FarmProblem Of(int status, string code, string title, string detail) => new(Untyped, title, status, detail, code, status is 429 or 503);
}

/// <param name="Parameter">Its name.</param>
/// <param name="Message">What is wrong with it, with the value and what it takes.</param>
public sealed record ParameterFault([property: JsonPropertyName("parameter")] string Parameter, string Message);
