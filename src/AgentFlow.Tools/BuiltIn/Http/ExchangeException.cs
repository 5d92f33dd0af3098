using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Tools.BuiltIn.Http;

/// <summary>Carries an expected failure out of the HTTP stack's callbacks, which can only throw; it never leaves this folder.</summary>
internal sealed class ExchangeException(StepError error, Exception? inner = null) : IOException(error.Message, inner)
{
    public const string ConnectFailedCode = "CONNECT_FAILED";

    public StepError Error => error;

    public static StepError ConnectFailed(string place, string reason) => new(
        ConnectFailedCode, ErrorCategory.Transient, $"cannot connect to {place} ({reason}): nothing was sent");
}
