namespace AgentFlow.Client;

/// <summary>How to reach a server, and as whom.</summary>
public sealed record AgentFlowClientOptions(ServerAddress Server)
{
    /// <summary>
    /// The tenant that every request names. Default <see langword="null"/>: that of the <see cref="Token"/>, and without one the
    /// tenant <c>default</c>.
    /// </summary>
    public string? Tenant { get; init; }

    /// <summary>An API key or an access token. Default <see langword="null"/>: for a server that does not ask who is calling.</summary>
    public string? Token { get; init; }

    /// <summary>
    /// Gives the access token of each request, where one token does not last as long as the client; may be called from several
    /// threads at once. Default <see langword="null"/>: <see cref="Token"/>.
    /// </summary>
    public Func<CancellationToken, ValueTask<string>>? TokenSource { get; init; }

    /// <summary>How long a connection may take to be made. Default 5 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Tries of a request that is safe to repeat (reads, and executions, which carry an idempotency key) when the
    /// connection fails or the server answers 503. The first counts. Default 3.
    /// </summary>
    public int MaxAttempts { get; init; } = 3;

    /// <summary>The pause before the second try; doubled for each further one. Default 200 ms.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Waits between tries. Default: the system's clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
