using AgentFlow.Engine.Ports;
using AgentFlow.Tools.BuiltIn;
using AgentFlow.Tools.Stubs;

namespace AgentFlow.Tools;

/// <summary>The skills that every host has: <c>skill.echo</c>, <c>skill.json_transform</c>, <c>skill.llm_invoke</c>, <c>skill.http_call</c>.</summary>
public static class BuiltInTools
{
    public static IReadOnlyList<ToolDefinition> Define(HttpTransport transport, IModelInvoker models, TimeProvider time) =>
    [
        EchoTool.Definition,
        JsonTransformTool.Definition,
        LlmInvokeTool.Define(models, time),
        HttpCallTool.Define(transport, time),
    ];

    /// <summary>
    /// Deterministic stand-ins for the same contracts: nothing leaves the process, and the same input gives the same bytes for
    /// the same seed. Inputs are checked as by the real skills, and policies hold.
    /// </summary>
    /// <param name="rules">Canned outcomes; the first that matches a call answers it.</param>
    /// <exception cref="ToolConfigurationException">A rule names no skill, or its path is malformed.</exception>
    public static IReadOnlyList<ToolDefinition> DefineStubs(long seed, IReadOnlyList<StubRule> rules)
    {
        ToolDefinition[] stubs =
        [
            EchoTool.Definition,
            JsonTransformTool.Definition,
            LlmInvokeTool.Define(new ModelStub(seed), TimeProvider.System),
            HttpCallStub.Define(seed),
        ];
        StubTool.Check(rules, [.. stubs.Select(s => s.Contract.Id)]);
        return [.. stubs.Select(s => StubTool.Wrap(s, rules))];
    }
}
