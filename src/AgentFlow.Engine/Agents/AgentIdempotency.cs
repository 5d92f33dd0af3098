using System.Text.Json;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Agents;

/// <summary>The setting <c>idempotency</c> of agents whose doing is not known here: what becomes of a call that is made again, as a tool's contract has it.</summary>
public static class AgentIdempotency
{
    public const string Key = "idempotency";

    private static readonly Dictionary<string, Idempotency> Words = new(StringComparer.Ordinal)
    {
        ["key"] = Idempotency.Key,
        ["natural"] = Idempotency.Natural,
        ["none"] = Idempotency.None,
        ["unknown"] = Idempotency.Unknown,
    };

    /// <summary>What is wrong with the setting; <see langword="null"/>: nothing.</summary>
    public static AgentProblem? Check(AgentDefinition agent)
    {
        ArgumentNullException.ThrowIfNull(agent);
        return !agent.Settings.TryGetProperty(Key, out JsonElement written) || (written.ValueKind == JsonValueKind.String && Words.ContainsKey(written.GetString()!)) ? null
            : new AgentProblem(Key, "'idempotency' does not say what becomes of a call that is made again.", "Write key, where the agent knows a call by its idempotency key and does it once; natural, where twice is as good as once; none, where it happens twice; or unknown.");
    }

    /// <param name="otherwise">Of an agent that does not say.</param>
    public static Idempotency Of(AgentDefinition agent, Idempotency otherwise)
    {
        ArgumentNullException.ThrowIfNull(agent);
        return agent.Settings.TryGetProperty(Key, out JsonElement written) ? Words[written.GetString()!] : otherwise;
    }
}
