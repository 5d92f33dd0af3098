using AgentFlow.Contracts.Errors;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Http;
using AgentFlow.Tools;

namespace AgentFlow.Server.Features.Bridge;

/// <summary>
/// Who may take part, and where tasks may be sent. A base address that leads to a public place is taken from whoever has the
/// secret. One that does not (this machine, a private network, a cloud's metadata) is taken only where the operator has named it:
/// for the agent in the allow-list or among the known agents, or for everybody in <c>AF_HTTP_ALLOW</c>; and this machine also where
/// nobody else can reach the server at all. Names are judged when they are connected to, whatever they resolved to before.
/// </summary>
internal sealed class AgentRules(BridgeSettings settings, HttpTransport transport)
{
    private static readonly string[] ThisMachine = ["127.0.0.0/8", "::1/128"];

    /// <summary>Whether the agent takes part.</summary>
    /// <exception cref="ProblemException"><c>AGENT_NOT_ALLOWED</c>.</exception>
    public void Admit(string agent)
    {
        if (!IsAllowed(agent))
        {
            throw new ProblemException(ErrorCode.AgentNotAllowed, $"'{agent}' is not in AGENTS_ALLOWLIST. Ask the operator to add it.");
        }
    }

    public bool IsAllowed(string agent) => settings.Allowed?.ContainsKey(agent) != false;

    /// <summary>Takes the address under which an agent wants its tasks.</summary>
    /// <exception cref="ProblemException"><c>INVALID_PAYLOAD</c> when it is none, <c>AGENT_NOT_ALLOWED</c> when it leads elsewhere than it may.</exception>
    public string Address(string agent, string url)
    {
        if (AgentAddress.Problem(url) is { } problem)
        {
            throw AgentBody.Wrong("base_url", $"cannot be used: {problem}");
        }

        var address = new Uri(url);
        if (PinOf(agent) is { } pin && !AgentAddress.IsSamePlace(pin, address))
        {
            throw new ProblemException(ErrorCode.AgentNotAllowed, $"'{agent}' must be at {pin.Scheme}://{pin.Authority}, and not at {address.Scheme}://{address.Authority}. Ask the operator to change AGENTS_ALLOWLIST.");
        }

        return transport.Problem(address) is not { } blocked
            ? url
            : throw new ProblemException(ErrorCode.AgentNotAllowed, $"{blocked}: tasks are sent to public addresses only, unless the operator names the place: AGENTS_ALLOWLIST={agent}={address.Scheme}://{address.Authority}.");
    }

    /// <summary>The non-public places that the transport to agents may connect to.</summary>
    /// <param name="allow">Those of all tools.</param>
    /// <param name="isLocal">Nobody but this machine can reach the server.</param>
    public static IReadOnlyList<string> Places(BridgeSettings settings, IReadOnlyList<string> allow, bool isLocal) =>
    [
        .. allow,
        .. (settings.Allowed?.Values ?? []).Concat(settings.Agents.Select(a => a.BaseUrl)).OfType<Uri>().Select(u => $"{u.Host}:{u.Port}").Distinct(StringComparer.Ordinal),
        .. isLocal ? ThisMachine : [],
    ];

    private Uri? PinOf(string agent) =>
        settings.Allowed?.GetValueOrDefault(agent) ?? settings.Agents.FirstOrDefault(a => a.Id == agent)?.BaseUrl;
}
