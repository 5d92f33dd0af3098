using System.Globalization;
using static System.FormattableString;

namespace AgentFlow.Farm.Generation;

/// <param name="Agents">Agents in a fleet.</param>
/// <param name="LeastTasks">Fewest tasks of a workflow in a scenario.</param>
public sealed record Scale(string Name, int Agents, int LeastTasks, int MostTasks)
{
    public static Scale Small { get; } = new("small", 10, 4, 8);

    public static Scale Medium { get; } = new("medium", 50, 6, 12);

    public static Scale Large { get; } = new("large", 100, 8, 20);

    public static IReadOnlyList<Scale> All { get; } = [Small, Medium, Large];

    /// <exception cref="KeyNotFoundException">No scale has this name.</exception>
    public static Scale Named(string name) => All.FirstOrDefault(s => s.Name == name) ?? throw new KeyNotFoundException($"no scale is called '{name}'.");
}

/// <summary>Makes agents, fleets and teams from a seed.</summary>
public static class FleetGenerator
{
    private static readonly string[] Regions = ["eu-central", "eu-west", "us-east", "us-west", "ap-south"];
    private static readonly string[] Owners = ["operations", "finance", "support", "logistics", "platform"];
    private static readonly string[] TeamNames = ["Aurora", "Basalt", "Cedar", "Delta", "Ember", "Fjord", "Granite", "Harbor"];

    public static Fleet Fleet(Scale scale, long seed)
    {
        List<Agent> agents = [];
        var taken = new HashSet<string>(StringComparer.Ordinal);
        int[] counts = Counts(scale.Agents);
        for (int kind = 0; kind < counts.Length; kind++)
        {
            for (int i = 0; i < counts[kind]; i++)
            {
                agents.Add(CreateAgent(AgentCatalog.Kinds[kind], i, agents.Count, new Dice(seed, Invariant($"fleet/{scale.Name}/{agents.Count}")), taken));
            }
        }

        bool planners = agents.Exists(a => a.Type == "planner");
        bool approvers = agents.Exists(a => a.Type == "approver");
        return new Fleet(
            Invariant($"fleet-{seed}-{scale.Name}"),
            seed,
            scale.Name,
            agents.Count,
            agents,
            new FleetDistribution(
                Count(agents, a => a.Type, AgentCatalog.Kinds.Where(k => k.Share > 0).Select(k => k.Name)),
                Count(agents, a => a.Reliability.Profile, AgentCatalog.Reliabilities.Select(r => r.Name)),
                Count(agents, a => a.Cost.Tier, AgentCatalog.CostTiers.Select(c => c.Name))),
            new FleetExpectation(agents.Count, planners, approvers, planners && approvers && agents.Exists(a => a.Type == "worker")));
    }

    /// <param name="size">3 to 10.</param>
    public static Team Team(int size, long seed)
    {
        var dice = new Dice(seed, Invariant($"team/{size}"));
        // One planner and one worker always; the rest by these weights, in the catalog's order.
        List<int> kinds = [0, 1];
        while (kinds.Count < size)
        {
            kinds.Add(dice.Weighted([5, 40, 20, 15, 10, 10]));
        }

        kinds.Sort();
        var taken = new HashSet<string>(StringComparer.Ordinal);
        Agent[] agents = [.. kinds.Select((kind, at) => CreateAgent(AgentCatalog.Kinds[kind], kinds.Take(at).Count(k => k == kind), at, new Dice(seed, Invariant($"team/{size}/{at}")), taken))];
        return new Team(
            Invariant($"team-{seed}-{size}"),
            $"Team {dice.Pick(TeamNames)}",
            seed,
            size,
            agents,
            [.. agents.SelectMany(a => a.Capabilities).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)],
            [.. agents.SelectMany(a => a.Tools).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)],
            Hierarchy(agents),
            new TeamExpectation(size, true, true, agents.Any(a => a.Type == "approver")));
    }

    /// <summary>How many agents of each kind: the shares, rounded by largest remainder; of equal ones the rarer kind gets the agent.</summary>
    internal static int[] Counts(int total)
    {
        AgentKind[] kinds = [.. AgentCatalog.Kinds.Where(k => k.Share > 0)];
        int[] counts = [.. kinds.Select(k => total * k.Share / 100)];
        int[] byRemainder = [.. Enumerable.Range(0, kinds.Length).OrderByDescending(i => total * kinds[i].Share % 100).ThenBy(i => kinds[i].Share)];
        int left = total - counts.Sum();
        for (int i = 0; i < left; i++)
        {
            counts[byRemainder[i]]++;
        }

        return counts;
    }

    private static TeamHierarchy Hierarchy(Agent[] agents)
    {
        string lead = agents[0].AgentId;
        string[] planners = [.. agents.Where(a => a.Type == "planner").Select(a => a.AgentId)];
        var reports = planners.ToDictionary(p => p, _ => new List<string>(), StringComparer.Ordinal);
        reports[lead].AddRange(planners.Skip(1));
        int next = 0;
        foreach (Agent agent in agents.Where(a => a.Type != "planner"))
        {
            // Those who do the work are spread over the planners; those who judge it report to the lead.
            string to = agent.Type is "worker" or "specialist" ? planners[next++ % planners.Length] : lead;
            reports[to].Add(agent.AgentId);
        }

        return new TeamHierarchy(lead, new SortedDictionary<string, IReadOnlyList<string>>(reports.ToDictionary(r => r.Key, r => (IReadOnlyList<string>)r.Value, StringComparer.Ordinal), StringComparer.Ordinal));
    }

    /// <param name="ofItsKind">How many agents of its kind came before.</param>
    private static Agent CreateAgent(AgentKind kind, int ofItsKind, int number, Dice dice, HashSet<string> taken)
    {
        string id;
        do
        {
            id = $"agent-{kind.Name[..4]}-{dice.Hex8()}";
        }
        while (!taken.Add(id));

        int drawn = dice.Weighted(kind.Reliability);
        ReliabilityProfile reliability = AgentCatalog.Reliabilities[ofItsKind == 0 ? 0 : drawn];
        CostTier cost = AgentCatalog.CostTiers[dice.Weighted([.. AgentCatalog.CostTiers.Select(c => c.Weight)])];
        PolicyTemplate policy = AgentCatalog.Policies[dice.Weighted([.. AgentCatalog.Policies.Select(p => p.Weight)])];
        List<string> tools = [.. kind.ToolGroups.SelectMany(g => AgentCatalog.Tools[g])];
        dice.Shuffle(tools);
        int window = dice.Pick(kind.ContextWindows);
        return new Agent(
            id,
            $"{char.ToUpperInvariant(kind.Name[0])}{kind.Name[1..]} {(number + 1).ToString("000", CultureInfo.InvariantCulture)}",
            kind.Name,
            Invariant($"1.{dice.Below(10)}.{dice.Below(10)}"),
            kind.Capabilities,
            [.. tools.Take(dice.Between(3, 8)).Order(StringComparer.Ordinal)],
            new AgentPolicy(policy.Name, policy.RequiresApproval, policy.ApprovalAbove, policy.MaxConcurrent, new AgentRateLimits(policy.RequestsPerMinute, policy.RequestsPerMinute * 1000), policy.AuditAll, policy.DataAccess),
            new AgentReliability(reliability.Name, reliability.SuccessRate, reliability.MeanLatencyMs, reliability.TimeoutRate, reliability.CrashProbability),
            new AgentCost(cost.Name, cost.PerInvocation, cost.PerToken, cost.MonthlyCap),
            new AgentMemory(dice.Between(5, 50) * 10, window),
            new SortedDictionary<string, string>(StringComparer.Ordinal) { ["owner"] = dice.Pick(Owners), ["region"] = dice.Pick(Regions) });
    }

    private static SortedDictionary<string, int> Count(List<Agent> agents, Func<Agent, string> by, IEnumerable<string> names) =>
        new(names.ToDictionary(n => n, n => agents.Count(a => by(a) == n), StringComparer.Ordinal), StringComparer.Ordinal);
}
