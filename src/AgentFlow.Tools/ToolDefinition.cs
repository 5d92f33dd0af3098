using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Tools;

/// <summary>
/// A tool before it may run. There is no way from here to something callable but through a compiled
/// <see cref="ExecutionProfile"/>, so that default deny needs no check that could be forgotten.
/// </summary>
/// <param name="Create">Makes the tool for one profile; called once per registry, cheap, and without effects.</param>
public sealed record ToolDefinition(ToolContract Contract, Func<ExecutionProfile, ITool> Create);
