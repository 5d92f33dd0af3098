namespace AgentFlow.Server.Features.Access.Tokens;

/// <summary>How long what this deployment issues is good for.</summary>
public sealed record TokenOptions
{
    /// <summary>Of an access token. 30 s to 1 h; default 10 minutes. <c>AF_TOKEN_LIFETIME</c>.</summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>From a login to the next, however often its refresh token is exchanged. 60 s to 90 days; default 7 days. <c>AF_REFRESH_LIFETIME</c>.</summary>
    public TimeSpan RefreshLifetime { get; init; } = TimeSpan.FromDays(7);

    /// <summary>How long a process signs with one key. 60 s to 30 days; default 24 h. <c>AF_KEY_ROTATION</c>.</summary>
    public TimeSpan KeyRotation { get; init; } = TimeSpan.FromHours(24);
}
