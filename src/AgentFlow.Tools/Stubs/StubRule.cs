using System.Text.Json;
using AgentFlow.Engine.Ports;
using AgentFlow.Tools.BuiltIn;
using AgentFlow.Tools.BuiltIn.Http;

namespace AgentFlow.Tools.Stubs;

/// <summary>A canned outcome for the calls of one skill that match.</summary>
/// <param name="Tool">The skill's id.</param>
/// <param name="When">
/// What the input must look like: a pattern for each singular JSONPath or plain member name. <c>*</c> stands for any run of
/// characters; values other than strings are matched by their JSON text. Empty matches every call.
/// </param>
public sealed record StubRule(string Tool, IReadOnlyDictionary<string, string> When, StepOutcome Outcome)
{
    private const long Latency = 50;

    /// <summary>Answers <c>skill.http_call</c> for URLs of a pattern with a complete output, its hashes included.</summary>
    /// <param name="body">Given as JSON when it is no string.</param>
    public static StubRule Http(string urlPattern, int statusCode, JsonElement body, string? method = null)
    {
        bool text = body.ValueKind == JsonValueKind.String;
        var headers = new SortedDictionary<string, string>(StringComparer.Ordinal) { ["content-type"] = text ? "text/plain; charset=utf-8" : "application/json" };
        Dictionary<string, string> when = new(StringComparer.Ordinal) { ["url"] = urlPattern };
        if (method is not null)
            when["method"] = method;
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(text ? body.GetString()! : body.GetRawText());
        return new StubRule("skill.http_call", when, Complete(new HttpAnswer(statusCode, headers, bytes)));
    }

    internal static StepOutcome Complete(HttpAnswer answer)
    {
        using var output = new JsonOutput();
        answer.Write(output.Writer, Latency);
        return output.Success();
    }
}
