using AgentFlow.Farm.Generation;
using FsCheck;
using FsCheck.Fluent;

namespace AgentFlow.Farm.Tests.Generation;

public sealed class WorkflowGeneratorTests
{
    /// <summary>Every shape and size, at random seeds and rates; a failure prints them.</summary>
    private static void ForAll(Action<Workflow> holds) => Prop.ForAll(
        ArbMap.Default.GeneratorFor<long>().Select(s => s % (1L << 53))
            .SelectMany(seed => Gen.Choose(2, 20).SelectMany(tasks => Gen.Elements(WorkflowGenerator.Types.ToArray()).SelectMany(type => Gen.Choose(0, 100).Select(rate => (type, tasks, rate: rate / 100.0, seed)))))
            .ToArbitrary(),
        p => holds(WorkflowGenerator.Single(p.type, p.tasks, p.rate, p.seed))).QuickCheckThrowOnFailure();

    [Fact]
    public void Single_AnyParameters_DependsOnlyOnWhatIsThereAndIsAcyclicButForItsCycle() => ForAll(workflow =>
    {
        HashSet<string> ids = workflow.Tasks.Select(t => t.TaskId).ToHashSet();
        Assert.Equal(workflow.Tasks.Count, ids.Count);
        Assert.All(workflow.Tasks, t => Assert.Subset(ids, t.DependsOn.ToHashSet()));
        Assert.Equal(workflow.Type == "cyclic", workflow.Cycle is not null);
        if (workflow.Cycle is { } cycle)
        {
            Assert.Contains(cycle.From, workflow.Tasks.Single(t => t.TaskId == cycle.To).DependsOn);
            Assert.InRange(cycle.MaxIterations, 2, 3);
        }

        // Peeled off from the front without the cycle's way back, nothing is left over.
        List<WorkflowTask> left = [.. workflow.Tasks];
        HashSet<string> done = [];
        while (left.RemoveAll(t => t.DependsOn.All(d => done.Contains(d) || (t.TaskId == workflow.Cycle?.To && d == workflow.Cycle.From))) > 0)
        {
            done.UnionWith(ids.Except(left.Select(t => t.TaskId)));
        }

        Assert.Empty(left);
    });

    [Fact]
    public void Single_AnyParameters_HasOneEntryAndOneExit() => ForAll(workflow =>
    {
        HashSet<string> awaited = workflow.Tasks.SelectMany(t => t.DependsOn.Where(d => t.TaskId != workflow.Cycle?.To || d != workflow.Cycle.From)).ToHashSet();
        Assert.Equal([workflow.ExitPoint], workflow.Tasks.Select(t => t.TaskId).Where(id => !awaited.Contains(id)));
        Assert.Equal([workflow.EntryPoint], workflow.Tasks.Where(t => t.DependsOn.All(d => t.TaskId == workflow.Cycle?.To && d == workflow.Cycle.From)).Select(t => t.TaskId));
    });

    [Fact]
    public void Single_AnyParameters_PlantsOnlyWhatCanHitTheTask() => ForAll(workflow => Assert.All(workflow.Tasks.Where(t => t.ChaosInjection is not null), task =>
    {
        ChaosKind kind = ChaosCatalog.Kind(task.ChaosInjection!.Type);
        Assert.Contains(task.Type, kind.Hits);
        Assert.Equal(kind.RecoveryAction, task.ChaosInjection.RecoveryAction);
        Assert.InRange(task.ChaosInjection.TriggerProbability, 0, 1);
        Assert.InRange(task.ChaosInjection.Parameters.AttemptsAffected, 1, 6);
    }));

    [Fact]
    public void Single_AnyParameters_HasTasksOfTheCatalog() => ForAll(workflow => Assert.All(workflow.Tasks, task =>
    {
        TaskKind kind = TaskCatalog.Kind(task.Type);
        Assert.Subset(kind.Tools.ToHashSet(), task.ToolsRequired.ToHashSet());
        Assert.InRange(task.ExpectedDurationMs, kind.MeanMs * 8 / 10, kind.MeanMs * 12 / 10);
        Assert.InRange(task.TokenBudget, kind.Tokens * 8 / 10, kind.Tokens * 12 / 10);
        Assert.Contains(task.AssignedAgentType, kind.AgentKinds);
        Assert.Equal(task.Retryable, task.MaxRetries > 0);
    }));

    /// <summary>Deleting the chaos removes the faults and nothing else.</summary>
    [Fact]
    public void Single_WithAndWithoutChaos_IsTheSameWorkflow()
    {
        for (long seed = 0; seed < 100; seed++)
        {
            Workflow calm = WorkflowGenerator.Single(null, 12, 0, seed);
            Workflow wild = WorkflowGenerator.Single(null, 12, 0.7, seed);
            Assert.All(calm.Tasks, t => Assert.Null(t.ChaosInjection));
            Assert.Equal(
                System.Text.Encoding.UTF8.GetString(FarmJson.Canonical(calm)),
                System.Text.Encoding.UTF8.GetString(FarmJson.Canonical(wild with { Tasks = [.. wild.Tasks.Select(t => t with { ChaosInjection = null })], Expected = calm.Expected })));
        }
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.5)]
    [InlineData(1)]
    public void Batch_AtARate_StrikesThatShareOfTheTasksThatCanBeStruck(double rate)
    {
        WorkflowTask[] tasks = [.. Enumerable.Range(0, 40).SelectMany(seed => WorkflowGenerator.Batch(100, rate, seed).Workflows).SelectMany(w => w.Tasks).Where(t => t.Type != "approval")];
        double struck = tasks.Count(t => t.ChaosInjection is not null) / (double)tasks.Length;
        Assert.InRange(struck, rate - 0.02, rate + 0.02);
    }

    [Fact]
    public void Batch_OfSix_ShowsAllShapes()
    {
        for (long seed = 0; seed < 20; seed++)
        {
            Assert.Equal(WorkflowGenerator.Types.Order(StringComparer.Ordinal), WorkflowGenerator.Batch(6, 0, seed).Workflows.Select(w => w.Type).Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public void InStream_EverySequence_IsItsOwnWorkflow()
    {
        Workflow[] stream = [.. Enumerable.Range(0, 200).Select(i => WorkflowGenerator.InStream(i, 0.2, 5))];
        Assert.Equal(200, stream.Select(w => w.WorkflowId).Distinct().Count());
        Assert.Equal(Enumerable.Range(0, 200).Select(i => (long?)i), stream.Select(w => w.StreamSequence));
        Assert.Equal(6, stream.Select(w => w.Type).Distinct().Count());
    }
}
