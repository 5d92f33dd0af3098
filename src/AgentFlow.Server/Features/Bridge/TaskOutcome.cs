using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Bridge;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>The end of a task as the outcome of its step.</summary>
internal static class TaskOutcome
{
    private const int MaxCode = 64;
    private const int MaxMessage = 4000;

    public static StepOutcome Of(BridgeTask task)
    {
        if (task.Status == BridgeTaskStatus.Succeeded)
        {
            return StepOutcome.Success(task.Result);
        }

        (string code, string message) = Read(task.Error);
        return StepOutcome.Failure(IsCode(code) ? code : ErrorCode.TaskFailed.Code, ErrorCategory.Permanent, message.Length == 0 ? ErrorCode.TaskFailed.Title : message.Length <= MaxMessage ? message : message[..MaxMessage]);
    }

    private static (string Code, string Message) Read(ReadOnlyMemory<byte> error)
    {
        if (error.IsEmpty)
        {
            return ("", "");
        }

        JsonElement json = JsonElement.Parse(error.Span);
        return (Text(json, "code"), Text(json, "message"));
    }

    private static string Text(JsonElement json, string name) => json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    // An agent's own code is as good as any, if workflows can compare with it.
    private static bool IsCode(string code) => code.Length is > 0 and <= MaxCode && char.IsAsciiLetterUpper(code[0]) && code.All(c => char.IsAsciiLetterUpper(c) || char.IsAsciiDigit(c) || c == '_');
}
