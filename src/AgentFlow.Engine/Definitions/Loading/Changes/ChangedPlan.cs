using AgentFlow.Engine.Definitions.Loading.Yaml;

namespace AgentFlow.Engine.Definitions.Loading.Changes;

/// <summary>A workflow file with everything that a run has changed of its plan.</summary>
/// <param name="changes">All of them, in order; the last one is new to <paramref name="previous"/>.</param>
internal sealed class ChangedPlan(WorkflowDefinition previous, IReadOnlyList<PlanChange> changes, Findings findings)
{
    private readonly Dictionary<string, List<YamlMapping>> _grafts = new(StringComparer.Ordinal);
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);

    public WorkflowDefinition Previous => previous;

    public IReadOnlyList<PlanChange> Changes => changes;

    /// <summary>What the last change touched.</summary>
    public IReadOnlyList<PlanEdit> Edits { get; private set; } = [];

    /// <summary>Does the changes one after the other.</summary>
    /// <param name="parts">The texts of the changes.</param>
    /// <param name="starts">Where each begins.</param>
    /// <returns>The changed file, or <see langword="null"/> with the reason among the findings.</returns>
    public YamlMapping? Apply(YamlMapping file, IReadOnlyList<YamlText> parts, IReadOnlyList<int> starts)
    {
        foreach ((int i, PlanChange change) in changes.Index())
        {
            if (string.IsNullOrWhiteSpace(change.Text))
            {
                findings.Error(starts[i], DiagnosticCodes.EmptyFile, "The change is empty.", "Write 'changes:' and what is to be changed.");
                return null;
            }

            if (YamlReader.Read(parts[i], findings) is not { } read)
            {
                return null;
            }

            if (read is not YamlMapping mapping)
            {
                findings.Error(read, DiagnosticCodes.WrongType, $"Expected a mapping, found {read.Describe()}.", "Write 'changes:' and what is to be changed.");
                return null;
            }

            Edits = [];
            if (change.Node == PlanChange.Plan)
            {
                var editor = new PlanEditor(findings);
                file = editor.Apply(file, mapping);
                Edits = editor.Edits;
                foreach (PlanEdit gone in Edits.Where(e => e.Kind is PlanEditKind.Remove or PlanEditKind.Replace))
                {
                    Forget(gone.Address);
                }
            }
            else
            {
                string address = previous.NodeAt(change.Node).Address;
                _grafts.TryAdd(address, []);
                _grafts[address].Add(mapping);
            }
        }

        return findings.HasErrors ? null : file;
    }

    /// <summary>What has been put below the node of an address, in order.</summary>
    public IReadOnlyList<YamlMapping> TakeGrafts(string address)
    {
        _read.Add(address);
        return _grafts.TryGetValue(address, out List<YamlMapping>? grafts) ? grafts : [];
    }

    /// <summary>Reports what stands below a node that takes no plans.</summary>
    public void ReportUnread()
    {
        foreach ((string address, List<YamlMapping> grafts) in _grafts.Where(g => !_read.Contains(g.Key)))
        {
            findings.Error(grafts[0], DiagnosticCodes.NotApplicable, $"'{Excerpt.Of(address)}' takes no plan.", "Plans stand below a scope with 'planner: llm'.");
        }
    }

    private void Forget(string address)
    {
        foreach (string below in _grafts.Keys.Where(k => k == address || k.StartsWith(address + "/", StringComparison.Ordinal)).ToArray())
        {
            _grafts.Remove(below);
        }
    }
}
