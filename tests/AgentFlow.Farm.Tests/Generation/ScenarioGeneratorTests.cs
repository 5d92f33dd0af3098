using AgentFlow.Farm.Generation;

namespace AgentFlow.Farm.Tests.Generation;

public sealed class ScenarioGeneratorTests
{
    [Fact]
    public void Generate_AnySeed_AssignsEveryTaskToAnAgentOfItsKind()
    {
        foreach (Scenario scenario in Enumerable.Range(0, 30).SelectMany(seed => Scale.All.Select(scale => ScenarioGenerator.Generate(scale, 10, 0.3, seed))))
        {
            Dictionary<string, Agent> agents = scenario.Agents.Agents.ToDictionary(a => a.AgentId);
            foreach (Workflow workflow in scenario.Workflows.Workflows)
            {
                SortedDictionary<string, string> assigned = scenario.AgentAssignments[workflow.WorkflowId];
                Assert.All(workflow.Tasks, t => Assert.Equal(t.AssignedAgentType, agents[assigned[t.TaskId]].Type));
                Assert.Equal(workflow.Tasks.Count, assigned.Count);
            }

            Assert.Equal(scenario.Workflows.Workflows.Count, scenario.Workflows.Workflows.Select(w => w.WorkflowId).Distinct().Count());
            Assert.Equal(scenario.Workflows.TotalTasks, scenario.Workflows.Workflows.Sum(w => w.Tasks.Count));
            Assert.Equal(scenario.Expected.ChaosEventsExpected, scenario.Workflows.Workflows.SelectMany(w => w.Tasks).Count(t => t.ChaosInjection is not null));
            Assert.Equal($"stress-{scenario.Seed}-{scenario.Scale}", scenario.ScenarioId);
        }
    }

    /// <summary>Most scenarios can be passed, some cannot, and which they are is no secret to the oracle.</summary>
    [Fact]
    public void Generate_TwentySeedsOfEachScaleAndRate_CanBePassedMostlyAndNeverAlways()
    {
        Scenario[] scenarios = [.. from scale in Scale.All from rate in new[] { 0.2, 0.5 } from seed in Enumerable.Range(1, 20) select ScenarioGenerator.Generate(scale, 5, rate, seed)];
        Scenario[] hopeless = [.. scenarios.Where(s => !s.Expected.ChaosRecoveryPossible)];
        Assert.InRange(hopeless.Length, 1, scenarios.Length / 10);
        Assert.All(scenarios.Except(hopeless), s => Assert.Equal("PASS", s.Expected.ExpectedVerdict));
        Assert.All(hopeless, s => Assert.NotEqual("PASS", s.Expected.ExpectedVerdict));
    }

    /// <summary>The scenario of the protocol's own smoke test for chaos.</summary>
    [Fact]
    public void Generate_Seed99AtHalfChaos_ShowsAllNineKinds() =>
        Assert.Equal(ChaosCatalog.Kinds.Select(k => k.Type).Order(StringComparer.Ordinal), ScenarioGenerator.Generate(Scale.Small, 5, 0.5, 99).Expected.ExpectedChaosTypes);

    [Fact]
    public void Generate_ARecoverableScenario_AlmostCertainlyCompletes() =>
        Assert.All(
            Enumerable.Range(0, 50).Select(seed => ScenarioGenerator.Generate(Scale.Small, 5, 0.3, seed).Expected).Where(e => e.ChaosRecoveryPossible),
            e => Assert.InRange(e.ExpectedCompletionRate, 0.995m, 1));
}
