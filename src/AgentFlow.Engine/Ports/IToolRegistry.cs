using AgentFlow.Contracts.Tools;

namespace AgentFlow.Engine.Ports;

/// <summary>The one registry of what can be called. Immutable once the host has started.</summary>
public interface IToolRegistry
{
    /// <summary>Finds a tool by id; <see langword="null"/> when there is none.</summary>
    ITool? Find(string id);

    /// <summary>All contracts, ordered by id (ordinal).</summary>
    IReadOnlyList<ToolContract> Contracts { get; }
}
