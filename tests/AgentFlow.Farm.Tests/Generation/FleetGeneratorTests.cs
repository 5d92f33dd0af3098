using AgentFlow.Farm.Generation;

namespace AgentFlow.Farm.Tests.Generation;

public sealed class FleetGeneratorTests
{
    [Theory]
    [InlineData("small", 1, 5, 2, 1, 1)]
    [InlineData("medium", 5, 25, 10, 7, 3)]
    [InlineData("large", 10, 50, 20, 15, 5)]
    public void Fleet_OfAScale_HasTheSharesOfEachKind(string scale, int planners, int workers, int specialists, int reviewers, int approvers)
    {
        for (long seed = 0; seed < 50; seed++)
        {
            Fleet fleet = FleetGenerator.Fleet(Scale.Named(scale), seed);
            Assert.Equal($"fleet-{seed}-{scale}", fleet.FleetId);
            Assert.Equal(
                [("approver", approvers), ("planner", planners), ("reviewer", reviewers), ("specialist", specialists), ("worker", workers)],
                fleet.Distribution.ByType.Select(t => (t.Key, t.Value)));
            Assert.Equal(new FleetExpectation(fleet.Agents.Count, true, true, true), fleet.Expected);
        }
    }

    [Fact]
    public void Fleet_OfAnySeed_IsMadeOfTheCatalog()
    {
        foreach (Fleet fleet in Enumerable.Range(0, 100).Select(seed => FleetGenerator.Fleet(Scale.Large, seed)))
        {
            Assert.Equal(fleet.Agents.Count, fleet.Agents.Select(a => a.AgentId).Distinct().Count());
            foreach (Agent agent in fleet.Agents)
            {
                AgentKind kind = AgentCatalog.Kind(agent.Type);
                Assert.Matches($"^agent-{agent.Type[..4]}-[0-9a-f]{{8}}$", agent.AgentId);
                Assert.Equal(kind.Capabilities, agent.Capabilities);
                Assert.Subset(kind.ToolGroups.SelectMany(g => AgentCatalog.Tools[g]).ToHashSet(), agent.Tools.ToHashSet());
                Assert.InRange(agent.Tools.Count, 3, 8);
                ReliabilityProfile reliability = AgentCatalog.Reliabilities.Single(r => r.Name == agent.Reliability.Profile);
                Assert.Equal((reliability.SuccessRate, reliability.MeanLatencyMs, reliability.TimeoutRate, reliability.CrashProbability), (agent.Reliability.SuccessRate, agent.Reliability.MeanLatencyMs, agent.Reliability.TimeoutRate, agent.Reliability.CrashProbability));
                CostTier cost = AgentCatalog.CostTiers.Single(c => c.Name == agent.Cost.Tier);
                Assert.Equal((cost.PerInvocation, cost.PerToken, cost.MonthlyCap), (agent.Cost.PerInvocation, agent.Cost.PerToken, agent.Cost.MonthlyCap));
                PolicyTemplate policy = AgentCatalog.Policies.Single(p => p.Name == agent.Policy.Template);
                Assert.Equal((policy.MaxConcurrent, policy.ApprovalAbove, policy.AuditAll), (agent.Policy.MaxConcurrentTasks, agent.Policy.RequiresApprovalAbove, agent.Policy.AuditAllActions));
            }

            Assert.Equal(fleet.Agents.Count, fleet.Distribution.ByReliability.Values.Sum());
            Assert.Equal(fleet.Agents.Count, fleet.Distribution.ByCost.Values.Sum());
            Assert.All(fleet.Agents.GroupBy(a => a.Type), kind => Assert.Equal("rock_solid", kind.First().Reliability.Profile));
        }
    }

    /// <summary>The figures of the protocol, copied from it and not from the catalog.</summary>
    [Fact]
    public void Catalog_HasTheFiguresOfTheProtocol()
    {
        Assert.Equal(
            [("rock_solid", 0.999m, 50, 0.001m, 0.0001m), ("reliable", 0.95m, 200, 0.02m, 0.005m), ("flaky", 0.80m, 500, 0.10m, 0.02m), ("unreliable", 0.60m, 2000, 0.25m, 0.05m)],
            AgentCatalog.Reliabilities.Select(r => (r.Name, r.SuccessRate, r.MeanLatencyMs, r.TimeoutRate, r.CrashProbability)));
        Assert.Equal(
            [("free", 0m, 0m, null), ("cheap", 0.0001m, 0.000001m, 10m), ("standard", 0.001m, 0.00001m, 100m), ("premium", 0.01m, 0.0001m, 1000m), ("enterprise", 0.05m, 0.0005m, (decimal?)null)],
            AgentCatalog.CostTiers.Select(c => (c.Name, c.PerInvocation, c.PerToken, c.MonthlyCap)));
        Assert.Equal(
            [("permissive", 100, 10_000m, false), ("standard", 10, 1_000m, false), ("restricted", 3, 100m, false), ("audit_heavy", 5, 0m, true)],
            AgentCatalog.Policies.Select(p => (p.Name, p.MaxConcurrent, p.ApprovalAbove, p.AuditAll)));
        Assert.Equal(
            [("compute", 500, 1000), ("io_read", 200, 500), ("io_write", 300, 500), ("api_call", 1000, 200), ("decision", 800, 2000), ("approval", 60_000, 100), ("aggregation", 400, 1500), ("notification", 100, 200), ("checkpoint", 50, 0)],
            TaskCatalog.Kinds.Select(t => (t.Name, t.MeanMs, t.Tokens)));
        Assert.Equal(40, AgentCatalog.Tools.Values.Sum(t => t.Count));
        Assert.All(AgentCatalog.Kinds, k => Assert.Equal(5, k.Capabilities.Count));
    }

    [Fact]
    public void Team_OfAnySizeAndSeed_CanWorkTogether()
    {
        for (int size = 3; size <= 10; size++)
        {
            for (long seed = 0; seed < 40; seed++)
            {
                Team team = FleetGenerator.Team(size, seed);
                Assert.Equal(size, team.Agents.Count);
                Assert.Contains(team.Agents, a => a.Type == "planner");
                Assert.Contains(team.Agents, a => a.Type == "worker");
                Assert.Equal(team.Agents.SelectMany(a => a.Capabilities).Distinct().Order(StringComparer.Ordinal), team.CollectiveCapabilities);
                Assert.Equal(team.Agents.SelectMany(a => a.Tools).Distinct().Order(StringComparer.Ordinal), team.CollectiveTools);
                // Everybody but the lead reports to exactly one agent.
                Assert.Equal(
                    team.Agents.Select(a => a.AgentId).Where(id => id != team.Hierarchy.Lead).Order(StringComparer.Ordinal),
                    team.Hierarchy.Reports.Values.SelectMany(r => r).Order(StringComparer.Ordinal));
            }
        }
    }
}
