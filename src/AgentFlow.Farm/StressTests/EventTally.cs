using AgentFlow.Farm.Generation;
using AgentFlow.Farm.Platform;

namespace AgentFlow.Farm.StressTests;

/// <summary>Counts the events about one scenario. Safe for concurrent use.</summary>
internal sealed class EventTally(Scenario scenario)
{
    private const int MostTypes = 100;
    private readonly Lock _gate = new();
    private readonly HashSet<string> _workflows = scenario.Workflows.Workflows.Select(w => w.WorkflowId).ToHashSet(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _byType = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string _scenario = scenario.ScenarioId;

    /// <summary>Completes when the platform says that the scenario ended.</summary>
    public Task Ended => _ended.Task;

    /// <summary>What the platform calls the scenario, once it said so.</summary>
    public void Rename(string id)
    {
        lock (_gate)
        {
            _scenario = id;
        }
    }

    public void Take(PlatformEvent happened)
    {
        lock (_gate)
        {
            string? about = happened.Body.Text("scenario_id");
            string? workflow = happened.Body.Text("workflow_id");
            bool isForeign = (about is not null && about != _scenario) || (workflow is not null && !_workflows.Contains(workflow));
            if (isForeign || (_byType.Count >= MostTypes && !_byType.ContainsKey(happened.Type)))
            {
                return;
            }

            _byType[happened.Type] = _byType.GetValueOrDefault(happened.Type) + 1;
            if (happened.Type == "scenario.completed")
            {
                _ended.TrySetResult();
            }
        }
    }

    public long Count(string type)
    {
        lock (_gate)
        {
            return _byType.GetValueOrDefault(type);
        }
    }

    public IReadOnlyDictionary<string, long> Counts()
    {
        lock (_gate)
        {
            return new SortedDictionary<string, long>(_byType, StringComparer.Ordinal);
        }
    }
}
