using System.Text;
using System.Text.Unicode;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Engine.Nodes;

namespace AgentFlow.Simulation.Scenarios;

/// <summary>A scenario file as it was read: the scenario, or everything that is wrong with it, each with place and remedy.</summary>
public sealed class ScenarioFile
{
    private readonly Findings _findings;
    private readonly ScenarioReader _reader;
    private readonly Scenario? _scenario;

    private ScenarioFile(string path, string yaml)
    {
        YamlText text = YamlText.From(yaml);
        _findings = new Findings(path, text);
        _reader = new ScenarioReader(_findings, path);
        if (string.IsNullOrWhiteSpace(yaml))
        {
            _findings.Error(0, DiagnosticCodes.EmptyFile, "The file is empty.", "Write a scenario: 'scenario: 1', 'input: …', 'expect: …'.");
        }
        else if (YamlReader.Read(text, _findings) is { } root)
        {
            _scenario = _reader.Read(root);
        }
    }

    /// <summary><see langword="null"/> exactly when one of the diagnostics is an error.</summary>
    public Scenario? Scenario => _findings.HasErrors ? null : _scenario;

    public IReadOnlyList<Diagnostic> Diagnostics => _findings.ToDiagnostics();

    /// <summary>Reads a scenario. Throws for no text.</summary>
    public static ScenarioFile Parse(string yaml, string path) => new(path, yaml);

    /// <summary>Reads a scenario file.</summary>
    /// <exception cref="IOException">It cannot be read, is no UTF-8 or larger than a workflow file may be; the message says which.</exception>
    public static ScenarioFile Read(string path)
    {
        byte[] bytes;
        using (FileStream stream = File.OpenRead(path))
        {
            bytes = WorkflowFiles.ReadAtMost(stream, LoadLimits.YamlBytes + 1);
        }

        return bytes.Length > LoadLimits.YamlBytes ? throw new IOException($"{path} is larger than {LoadLimits.YamlBytes >> 20} MiB; a scenario has to be smaller.")
            : !Utf8.IsValid(bytes) ? throw new IOException($"{path} is not UTF-8; save it as UTF-8.")
            : new ScenarioFile(path, Encoding.UTF8.GetString(bytes).TrimStart('\uFEFF'));
    }

    /// <summary>Holds the names that the scenario uses against a workflow; what is unknown there is added to the diagnostics.</summary>
    /// <param name="children">What does steps of it: their steps, agents and tools can be named as its own.</param>
    public void Check(WorkflowDefinition definition, IReadOnlyList<WorkflowDefinition> children)
    {
        PlanNode[] nodes = [.. children.Prepend(definition).SelectMany(d => d.Nodes)];
        string[] steps = [.. nodes.Where(n => n.Parent is not null).SelectMany(n => new[] { n.Id, RunTrace.PathOf(n) }).Distinct(StringComparer.Ordinal)];
        string[] tools = [.. nodes.OfType<CallNode>().Select(c => c.Tool.CalledId).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        string[] agents = [.. children.Prepend(definition).SelectMany(d => d.Agents.Keys).Distinct(StringComparer.Ordinal)];
        foreach ((StubKind kind, string name, int offset) in _reader.Names)
        {
            (string what, string[] known) = kind switch
            {
                StubKind.Step => ("step or state", steps),
                StubKind.Agent => ("agent", agents),
                _ => ("tool that a step calls", tools),
            };
            if (!known.Contains(name, StringComparer.Ordinal))
            {
                _findings.Error(offset, kind == StubKind.Agent ? DiagnosticCodes.UnknownAgent : kind == StubKind.Tool ? DiagnosticCodes.UnknownTool : DiagnosticCodes.UnknownStep, $"{definition.Name} {definition.Version} has no {what} '{name}'.", Remedy(name, known));
            }
        }

        string[] registered = [.. children.Prepend(definition).SelectMany(d => d.Agents.Values).Select(a => a.Registered).OfType<string>().Distinct(StringComparer.Ordinal)];
        foreach (YamlScalar agent in _reader.Registered.Where(a => !registered.Contains(a.Text, StringComparer.Ordinal)))
        {
            _findings.Error(agent, DiagnosticCodes.UnknownAgent, $"{definition.Name} {definition.Version} names no registered agent '{Excerpt.Of(agent.Text)}'.", Remedy(agent.Text, registered));
        }

        if (_reader.Preflight is { } preflight && definition.Policies.PreflightApproval is null)
        {
            _findings.Error(preflight, DiagnosticCodes.NotApplicable, $"{definition.Name} {definition.Version} asks nobody before it begins.", "Remove 'preflight', or write 'policies: { max_budget: …, preflight: ask }' in the workflow.");
        }
    }

    private string Remedy(string name, string[] known) =>
        _findings.Suggest(name, known) + (known.Length == 0 ? "It has none." : $"It has: {string.Join(", ", known.Take(12))}{(known.Length > 12 ? ", …" : "")}.");
}
