namespace AgentFlow.Server.Configuration;

/// <summary>What one process of a deployment does.</summary>
public enum ProcessMode
{
    /// <summary>Everything.</summary>
    All,

    /// <summary>Serves the API and executes nothing.</summary>
    Control,

    /// <summary>Executes runs and serves nothing but its health.</summary>
    Data,
}
