using System.Text.Json;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Configuration;
using AgentFlow.Tools;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>Asks the agents that the deployment names, and that do not speak by themselves, how they are and what they can do.</summary>
internal sealed partial class AgentProbe(BridgeSettings settings, IAgentStore agents, WebCall web, TimeProvider clock, ILogger log)
{
    private const int MaxCapabilities = 256;
    private const int MaxCapability = 200;

    private readonly HashSet<string> _silent = new(StringComparer.Ordinal);

    public async Task AskAsync(CancellationToken cancellationToken)
    {
        foreach (KnownAgent known in settings.Agents)
        {
            RegisteredAgent? agent = await agents.FindAsync(settings.Tenant, known.Id, cancellationToken).ConfigureAwait(false);
            long now = clock.GetUtcNow().ToUnixTimeMilliseconds();
            // Half of the time after which it would be offline: one lost answer is not yet silence.
            if (agent is { Status: not AgentStatus.Offline, LastSeen: { } seen } && now - seen < settings.OfflineAfter.TotalMilliseconds / 2)
            {
                continue;
            }

            await AskAsync(known, agent, now, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task AskAsync(KnownAgent known, RegisteredAgent? agent, long now, CancellationToken cancellationToken)
    {
        (WebAnswer? answer, var error) = await web.SendAsync(AgentAddress.Under(known.BaseUrl, "/agent/capabilities"), null, [], cancellationToken).ConfigureAwait(false);
        bool answers = TryRead(answer, out IReadOnlyList<string>? capabilities, out string? status);
        if (!answers && _silent.Add(known.Id))
        {
            Silent(log, known.Id, error?.Message ?? $"it answered {answer!.Status}");
        }
        else if (answers)
        {
            _silent.Remove(known.Id);
        }

        if (agent is not null && answers)
        {
            await agents.HeartbeatAsync(settings.Tenant, known.Id, new AgentHeartbeat(now, status, Capabilities: capabilities), cancellationToken).ConfigureAwait(false);
        }
        else if (agent is null)
        {
            // One that does not answer is known all the same: tasks wait for it.
            await agents.UpsertRemoteAsync(
                settings.Tenant,
                new RegisteredAgent(known.Id, known.Name, AgentKinds.Remote)
                {
                    BaseUrl = known.BaseUrl.AbsoluteUri,
                    Status = answers ? status ?? AgentStatus.Online : AgentStatus.Offline,
                    LastSeen = answers ? now : null,
                    Capabilities = capabilities ?? known.Capabilities,
                    CreatedAt = now,
                    UpdatedAt = now,
                },
                cancellationToken).ConfigureAwait(false);
        }
    }

    /// <param name="capabilities"><see langword="null"/> when it names none.</param>
    private static bool TryRead(WebAnswer? answer, out IReadOnlyList<string>? capabilities, out string? status)
    {
        (capabilities, status) = (null, null);
        if (answer is not { Status: 200 })
        {
            return false;
        }

        try
        {
            using JsonDocument document = BridgeJson.Parse(answer.Body);
            JsonElement json = document.RootElement;
            if (json.ValueKind != JsonValueKind.Object)
            {
                return false;
            }

            if (json.TryGetProperty("capabilities", out JsonElement list) && list.ValueKind == JsonValueKind.Array && list.GetArrayLength() <= MaxCapabilities
                && list.EnumerateArray().All(c => c.ValueKind == JsonValueKind.String && c.GetString() is { Length: > 0 and <= MaxCapability }))
            {
                capabilities = [.. list.EnumerateArray().Select(c => c.GetString()!).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
            }

            status = json.TryGetProperty("status", out JsonElement said) && said.ValueKind == JsonValueKind.String && AgentStatus.OfRemotes.Contains(said.GetString()!) ? said.GetString() : null;
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "The agent {Agent} of REGISTERED_AGENTS does not say what it can do: {Reason}")]
    private static partial void Silent(ILogger logger, string agent, string reason);
}
