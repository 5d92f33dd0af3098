namespace AgentFlow.Server.Configuration;

/// <summary>Whether a server asks who is calling.</summary>
public enum AccessMode
{
    /// <summary>Nobody is asked: whoever reaches the server may do everything. Only on this machine.</summary>
    Open,

    /// <summary>Callers show an API key or a token, and may do what their roles allow.</summary>
    Required,
}
