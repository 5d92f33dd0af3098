namespace AgentFlow.Farm.Platform;

/// <summary>Which way events come.</summary>
public enum EventTransport
{
    /// <summary>Server-Sent Events; a WebSocket when the platform has none.</summary>
    Auto,
    Sse,
    WebSocket,
    None,
}

public static class EventTransports
{
    /// <summary>Reads <c>auto</c>, <c>sse</c>, <c>websocket</c> or <c>none</c>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is none of these.</exception>
    public static EventTransport Named(string word) => word switch
    {
        "auto" => EventTransport.Auto,
        "sse" => EventTransport.Sse,
        "websocket" => EventTransport.WebSocket,
        "none" => EventTransport.None,
        _ => throw new ArgumentOutOfRangeException(nameof(word), word, "no transport is called so."),
    };
}
