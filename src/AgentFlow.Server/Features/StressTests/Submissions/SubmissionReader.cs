using System.Globalization;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Agents;
using AgentFlow.Server.Features.StressTests.Chaos;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.StressTests.Submissions;

/// <summary>
/// Reads what foreign generators submit: both shapes of <c>workflows</c>, both names of dependencies, unknown members left alone, missing
/// optional ones filled in. What cannot be run is refused with the place of each fault.
/// </summary>
internal sealed class SubmissionReader
{
    private const int MostAgents = 1_000;
    private const int MostWorkflows = 1_000;
    private const int MostTasks = 500;
    private const int MostTasksInAll = 20_000;
    private const int MostIterations = 100;
    private const int MostRetries = 100;
    private const int MostText = 200;
    private const int MostFaults = 50;
    private const long MostDurationMs = 24L * 60 * 60 * 1000;
    private const int MostTokens = 10_000_000;
    private const double NanoDollars = 1e9;

    private readonly List<ProblemEntry> _faults = [];
    private int _mostAgents = MostAgents;
    private int _tasks;

    public static SubmittedFleet ReadFleet(JsonElement body)
    {
        var reader = new SubmissionReader();
        var fleet = new SubmittedFleet(reader.Agents(body, ""), reader.Seed(body, ""));
        reader.End();
        return fleet;
    }

    /// <summary>Agents that were registered, whenever and with however many submissions: a tenant may have any number of them.</summary>
    public static IReadOnlyList<SubmittedAgent> ReadRegistered(JsonElement agents)
    {
        var reader = new SubmissionReader { _mostAgents = int.MaxValue };
        IReadOnlyList<SubmittedAgent> read = reader.Agents(agents, "");
        reader.End();
        return read;
    }

    /// <param name="known">Agents that the tenant has, for workflows that name none.</param>
    public static SubmittedScenario ReadScenario(JsonElement body, IReadOnlyList<SubmittedAgent> known)
    {
        var reader = new SubmissionReader();
        string? id = reader.Text(body, "", "scenario_id", MostText);
        if (id is null && !reader.HasFaults)
        {
            reader.Fault("scenario_id", "'scenario_id' is missing", "Name the scenario: its result is asked for under this name.");
        }

        long seed = reader.Seed(body, "");
        SimulationOptions options = reader.Options(body);
        List<SubmittedAgent> agents = HasAgents(body) ? reader.Agents(Member(body, "agents"), "agents/") : [.. known];
        JsonElement assignments = Member(body, "agent_assignments");
        if (HasAgents(body) && !reader.HasFaults)
        {
            reader.Assignments(assignments, agents);
        }

        var workflows = new List<WorkflowPlan>();
        (JsonElement list, string place) = Workflows(body);
        if (list.ValueKind != JsonValueKind.Array)
        {
            reader.Fault("workflows", "'workflows' is no list of workflows", "Send a list, or an object with one under 'workflows'.");
        }
        else if (list.GetArrayLength() is 0 or > MostWorkflows)
        {
            reader.Fault(place, $"there are {list.GetArrayLength()} workflows", $"Send 1 to {MostWorkflows}.");
        }
        else
        {
            int i = 0;
            var ids = new HashSet<string>(StringComparer.Ordinal);
            foreach (JsonElement workflow in list.EnumerateArray())
            {
                string at = string.Create(CultureInfo.InvariantCulture, $"{place}/{i++}/");
                if (reader.Workflow(workflow, at, id, seed, options, agents, assignments) is { } plan)
                {
                    if (!ids.Add(plan.WorkflowId))
                    {
                        reader.Fault(at + "workflow_id", $"two workflows are called '{plan.WorkflowId}'", "Give each a name of its own.");
                    }

                    workflows.Add(plan);
                }
            }
        }

        JsonElement expected = Member(body, "__expected__");
        double? completion = reader.Rate(expected, "__expected__/", "expected_completion_rate");
        double? recovery = reader.Rate(expected, "__expected__/", "expected_chaos_recovery_rate");
        reader.End();
        return new SubmittedScenario(id!, agents, workflows, new ScenarioPlan(
            id!,
            workflows.Count,
            workflows.Sum(w => w.Tasks.Count),
            workflows.Sum(w => w.Tasks.Count(t => t.Fault is not null)),
            completion,
            recovery,
            options.IsRealTime,
            options.Without));
    }

    /// <summary>Whether a scenario brings its fleet along.</summary>
    public static bool HasAgents(JsonElement scenario) => Member(scenario, "agents").ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null);

    public static WorkflowPlan ReadWorkflow(JsonElement body, IReadOnlyList<SubmittedAgent> known)
    {
        var reader = new SubmissionReader();
        WorkflowPlan? plan = reader.Workflow(body, "", null, reader.Seed(body, ""), reader.Options(body), known, Member(body, "agent_assignments"));
        reader.End();
        return plan!;
    }

    private bool HasFaults => _faults.Count > 0;

    private static (JsonElement List, string Place) Workflows(JsonElement body)
    {
        JsonElement workflows = Member(body, "workflows");
        return workflows.ValueKind == JsonValueKind.Object ? (Member(workflows, "workflows"), "workflows/workflows") : (workflows, "workflows");
    }

    private WorkflowPlan? Workflow(JsonElement body, string at, string? scenario, long seed, SimulationOptions options, IReadOnlyList<SubmittedAgent> agents, JsonElement assignments)
    {
        if (body.ValueKind != JsonValueKind.Object)
        {
            Fault(at.TrimEnd('/'), "a workflow is an object", null);
            return null;
        }

        string? id = Text(body, at, "workflow_id", MostText);
        JsonElement tasks = Member(body, "tasks");
        if (id is null)
        {
            Fault(at + "workflow_id", "'workflow_id' is missing", "Name the workflow.");
        }

        if (tasks.ValueKind != JsonValueKind.Array || tasks.GetArrayLength() is 0 or > MostTasks)
        {
            Fault(at + "tasks", $"a workflow has a list of 1 to {MostTasks} tasks", null);
            return null;
        }

        _tasks += tasks.GetArrayLength();
        if (_tasks > MostTasksInAll)
        {
            Fault(at + "tasks", $"there are more than {MostTasksInAll} tasks in all", "Send several scenarios.");
            return null;
        }

        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        int i = 0;
        foreach (JsonElement task in tasks.EnumerateArray())
        {
            string place = string.Create(CultureInfo.InvariantCulture, $"{at}tasks/{i}");
            if (task.ValueKind != JsonValueKind.Object || Text(task, place + "/", "task_id", MostText) is not { } taskId)
            {
                Fault(place, "a task is an object with a 'task_id'", null);
            }
            else if (!places.TryAdd(taskId, i))
            {
                Fault(place + "/task_id", $"two tasks are called '{taskId}'", "Give each a name of its own.");
            }

            i++;
        }

        if (HasFaults)
        {
            return null;
        }

        string type = Text(body, at, "type", MostText) ?? "";
        List<int>[] dependencies = [.. tasks.EnumerateArray().Select((t, n) => Dependencies(t, string.Create(CultureInfo.InvariantCulture, $"{at}tasks/{n}/"), places))];
        (bool[] inCycle, int iterations) = Cycle(body, at, places, dependencies);
        var crew = new Crew(agents, Member(assignments, id!), seed, id!);
        Dictionary<string, (JsonElement Chaos, string At)> struck = Injections(body, at, places);
        PlannedTask[] planned = [.. tasks.EnumerateArray().Select((t, n) => Task(t, string.Create(CultureInfo.InvariantCulture, $"{at}tasks/{n}/"), dependencies[n], inCycle[n], crew, struck))];
        return new WorkflowPlan
        {
            WorkflowId = id!,
            ScenarioId = scenario,
            Type = type,
            Name = Text(body, at, "name", MostText) ?? id!,
            Seed = seed,
            IsRealTime = options.IsRealTime,
            Without = options.Without,
            Agents = crew.Agents,
            Tasks = planned,
            Iterations = iterations,
        };
    }

    private List<int> Dependencies(JsonElement task, string at, Dictionary<string, int> places)
    {
        string name = task.TryGetProperty("depends_on"u8, out _) ? "depends_on" : "dependencies";
        var found = new List<int>();
        JsonElement list = Member(task, name);
        if (list.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
        {
            return found;
        }

        if (list.ValueKind != JsonValueKind.Array)
        {
            Fault(at + name, $"'{name}' is no list of tasks", null);
            return found;
        }

        foreach (JsonElement item in list.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.String || !places.TryGetValue(item.GetString()!, out int place))
            {
                Fault(at + name, $"'{Short(item.ToString())}' is no task of the workflow", "Name tasks by their task_id.");
            }
            else if (!found.Contains(place))
            {
                found.Add(place);
            }
        }

        return found;
    }

    /// <summary>
    /// Finds the tasks that lead back to themselves, and takes the ways back out of the dependencies: a cycle is done so often, each time
    /// from its first task on.
    /// </summary>
    private (bool[] InCycle, int Iterations) Cycle(JsonElement body, string at, Dictionary<string, int> places, List<int>[] dependencies)
    {
        JsonElement cycle = Member(body, "cycle");
        int iterations = (int)Number(cycle, at + "cycle/", "max_iterations", Number(body, at, "max_iterations", 2, 1, MostIterations), 1, MostIterations);
        bool[][] reaches = Reach(dependencies);
        bool[] inCycle = [.. Enumerable.Range(0, dependencies.Length).Select(t => reaches[t][t])];
        if (Array.IndexOf(inCycle, true) < 0)
        {
            return (inCycle, 1);
        }

        int first = Array.IndexOf(inCycle, true);
        if (Enumerable.Range(0, inCycle.Length).Any(t => inCycle[t] && !(reaches[first][t] && reaches[t][first])))
        {
            Fault(at + "tasks", "the workflow has more than one cycle", "Send a workflow for each.");
            return (inCycle, 1);
        }

        int? to = Text(cycle, at + "cycle/", "to", MostText) is { } name && places.TryGetValue(name, out int place) && inCycle[place] ? place : null;
        for (int t = 0; t < dependencies.Length; t++)
        {
            // With a named beginning all ways to it from within lead back; without one, those from later tasks do.
            dependencies[t].RemoveAll(d => inCycle[t] && inCycle[d] && (to is { } begin ? t == begin : d >= t));
        }

        if (Reach(dependencies).Select((row, t) => row[t]).Any(onItself => onItself))
        {
            Fault(at + "tasks", "tasks wait for each other in a way that 'cycle' does not explain", "Name the cycle: {\"from\": …, \"to\": …, \"max_iterations\": …}.");
        }

        return (inCycle, iterations);
    }

    /// <summary>Which tasks come before which.</summary>
    private static bool[][] Reach(List<int>[] dependencies)
    {
        var reaches = dependencies.Select(_ => new bool[dependencies.Length]).ToArray();
        var stack = new Stack<int>();
        for (int t = 0; t < dependencies.Length; t++)
        {
            stack.Push(t);
            while (stack.TryPop(out int at))
            {
                foreach (int d in dependencies[at])
                {
                    if (!reaches[t][d])
                    {
                        reaches[t][d] = true;
                        stack.Push(d);
                    }
                }
            }
        }

        return reaches;
    }

    private PlannedTask Task(JsonElement task, string at, List<int> dependsOn, bool inCycle, Crew crew, Dictionary<string, (JsonElement Chaos, string At)> struck)
    {
        string id = task.GetProperty("task_id"u8).GetString()!;
        string type = Text(task, at, "type", MostText) ?? "compute";
        (long duration, int tokens) = Usual(type);
        JsonElement policy = Member(task, "retry_policy");
        long retries = policy.ValueKind == JsonValueKind.Object
            ? Number(policy, at + "retry_policy/", "max_attempts", 1, 1, MostRetries) - 1
            : Number(task, at, "max_retries", 0, 0, MostRetries);
        if (Member(task, "retryable").ValueKind == JsonValueKind.False)
        {
            retries = 0;
        }

        JsonElement compensation = Member(task, "compensation");
        string wanted = Text(task, at, "assigned_agent_type", MostText) ?? (type == PlannedTask.Approval ? "approver" : "worker");
        return new PlannedTask(
            id,
            type,
            Text(task, at, "name", MostText) ?? id,
            dependsOn,
            [.. Member(task, "tools_required") is { ValueKind: JsonValueKind.Array } tools ? tools.EnumerateArray().Where(t => t.ValueKind == JsonValueKind.String).Select(t => Short(t.GetString()!)).Take(20) : []],
            Number(task, at, "expected_duration_ms", Number(task, at, "estimated_duration_ms", duration, 0, MostDurationMs), 0, MostDurationMs),
            (int)Number(task, at, "token_budget", tokens, 0, MostTokens),
            (int)retries,
            inCycle,
            crew.Assign(id, wanted),
            compensation.ValueKind switch
            {
                JsonValueKind.String => Short(compensation.GetString()!),
                JsonValueKind.Object or JsonValueKind.True => $"Undo: {id}",
                _ => null,
            },
            Member(task, "chaos_injection") is { ValueKind: not (JsonValueKind.Undefined or JsonValueKind.Null) } own ? Fault(own, at + "chaos_injection")
            : struck.TryGetValue(id, out (JsonElement Chaos, string At) listed) ? Fault(listed.Chaos, listed.At)
            : null);
    }

    /// <summary>Faults that stand beside the tasks instead of in them, by the task that each strikes. A task's own comes first.</summary>
    private Dictionary<string, (JsonElement Chaos, string At)> Injections(JsonElement body, string at, Dictionary<string, int> places)
    {
        var struck = new Dictionary<string, (JsonElement, string)>(StringComparer.Ordinal);
        JsonElement list = Member(body, "chaos_injections");
        if (list.ValueKind != JsonValueKind.Array)
        {
            return struck;
        }

        int i = 0;
        foreach (JsonElement chaos in list.EnumerateArray())
        {
            string place = string.Create(CultureInfo.InvariantCulture, $"{at}chaos_injections/{i++}");
            string? task = chaos.ValueKind == JsonValueKind.Object ? Text(chaos, place + "/", "task_id", MostText) : null;
            if (task is null || !places.ContainsKey(task))
            {
                Fault(place, task is null ? "it does not say which task it strikes" : $"the workflow has no task '{task}'", "Name a task of the workflow with 'task_id', or put the fault into the task as its 'chaos_injection'.");
            }
            else if (!struck.TryAdd(task, (chaos, place)))
            {
                Fault(place, $"two faults strike task '{task}'", "Plant one in each task.");
            }
        }

        return struck;
    }

    /// <summary>Somebody who is not there does no task.</summary>
    private void Assignments(JsonElement assignments, List<SubmittedAgent> agents)
    {
        if (assignments.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        HashSet<string> ids = [.. agents.Select(a => a.Agent.AgentId)];
        foreach (JsonProperty workflow in assignments.EnumerateObject().Where(w => w.Value.ValueKind == JsonValueKind.Object))
        {
            foreach (JsonProperty task in workflow.Value.EnumerateObject().Where(t => t.Value.ValueKind == JsonValueKind.String && !ids.Contains(t.Value.GetString()!)))
            {
                Fault(
                    $"agent_assignments/{workflow.Name}/{task.Name}",
                    $"the fleet has no agent '{Short(task.Value.GetString()!)}'",
                    "Name one of the fleet's agent_id, or leave the task out: then an agent of the wanted type does it.");
            }
        }
    }

    private Fault? Fault(JsonElement chaos, string at)
    {
        if (chaos.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
        {
            return null;
        }

        string? type = chaos.ValueKind == JsonValueKind.Object ? Text(chaos, at + "/", "type", MostText) : null;
        if (type is null || FaultTypes.RecoveryOf(type) is not { } recovery)
        {
            Fault(at, type is null ? "a chaos_injection is an object with a 'type'" : $"'{type}' is no type of chaos", $"Types are {string.Join(", ", FaultTypes.All)}.");
            return null;
        }

        JsonElement parameters = Member(chaos, "parameters");
        string place = at + "/parameters/";
        string flag = type switch { FaultTypes.DataCorruption => "repairable", FaultTypes.PolicyViolation => "auto_approve", _ => "recoverable" };
        return new Fault(
            type,
            Text(chaos, at + "/", "recovery_action", MostText) ?? recovery,
            Rate(chaos, at + "/", "trigger_probability") ?? 1,
            (int)Number(parameters, place, "attempts_affected", 1, 1, MostRetries + 1),
            Member(parameters, flag).ValueKind != JsonValueKind.False,
            Number(parameters, place, "delay_ms", 500, 0, MostDurationMs),
            (int)Number(parameters, place, "conflicting_agents", 2, 2, 20),
            (int)Number(parameters, place, "excess_tokens", 1000, 1, MostTokens));
    }

    private List<SubmittedAgent> Agents(JsonElement fleet, string at)
    {
        JsonElement list = fleet.ValueKind == JsonValueKind.Array ? fleet : Member(fleet, "agents");
        string place = fleet.ValueKind == JsonValueKind.Array ? at.TrimEnd('/') : at + "agents";
        var agents = new List<SubmittedAgent>();
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() is 0 || list.GetArrayLength() > _mostAgents)
        {
            Fault(place, $"a fleet has a list of 1 to {MostAgents} agents", null);
            return agents;
        }

        var ids = new HashSet<string>(StringComparer.Ordinal);
        int i = 0;
        foreach (JsonElement agent in list.EnumerateArray())
        {
            string here = string.Create(CultureInfo.InvariantCulture, $"{place}/{i++}");
            if (agent.ValueKind != JsonValueKind.Object || Text(agent, here + "/", "agent_id", 100) is not { } id)
            {
                Fault(here, "an agent is an object with an 'agent_id'", null);
                continue;
            }

            if (!ids.Add(id))
            {
                Fault(here + "/agent_id", $"two agents are called '{id}'", "Give each an id of its own.");
            }

            _ = AgentPolicy.Read(Member(agent, "policy"), out string? unreadable);
            if (unreadable is not null)
            {
                Fault(here + "/policy", $"the policy cannot be followed: {unreadable}", null);
            }

            string? uncapped = null;
            _ = AgentPolicy.ReadCap(agent, ref uncapped);
            if (uncapped is not null)
            {
                Fault(here + "/cost/monthly_cap", uncapped, "Give dollars a month, or null for none.");
            }

            JsonElement reliability = Member(agent, "reliability");
            JsonElement cost = Member(agent, "cost");
            string type = Text(agent, here + "/", "type", 50) ?? "worker";
            agents.Add(new SubmittedAgent(
                new PlannedAgent(
                    id,
                    type,
                    Rate(reliability, here + "/reliability/", "success_rate") ?? 1,
                    Number(reliability, here + "/reliability/", "mean_latency_ms", 100, 0, MostDurationMs),
                    Nano(cost, here + "/cost/", "per_invocation"),
                    Nano(cost, here + "/cost/", "per_token"),
                    (int)Number(Member(agent, "memory"), here + "/memory/", "context_window_tokens", PlannedAgent.Nobody.ContextTokens, 1, MostTokens)),
                Text(agent, here + "/", "name", MostText) ?? id,
                [.. Member(agent, "capabilities") is { ValueKind: JsonValueKind.Array } can ? can.EnumerateArray().Where(c => c.ValueKind == JsonValueKind.String).Select(c => Short(c.GetString()!)).Take(100) : []],
                agent.Clone()));
        }

        return agents;
    }

    private SimulationOptions Options(JsonElement body)
    {
        JsonElement simulation = Member(body, "simulation");
        string time = Text(simulation, "simulation/", "time", MostText) ?? "accelerated";
        if (time is not ("accelerated" or "real"))
        {
            Fault("simulation/time", $"'{time}' is no time", "It is accelerated or real.");
        }

        var without = new List<string>();
        if (Member(simulation, "without") is { ValueKind: JsonValueKind.Array } list)
        {
            foreach (JsonElement item in list.EnumerateArray())
            {
                string word = item.ValueKind == JsonValueKind.String ? item.GetString()! : item.ToString();
                if (!Mechanism.All.Contains(word))
                {
                    Fault("simulation/without", $"'{Short(word)}' is no mechanism of recovery", $"They are {string.Join(", ", Mechanism.All)}.");
                }

                without.Add(word);
            }
        }

        return new SimulationOptions(time == "real", [.. without.Order(StringComparer.Ordinal)]);
    }

    private long Seed(JsonElement body, string at) => Number(body, at, "seed", 0, -(1L << 53), 1L << 53);

    /// <summary>What the protocol says of a type of tasks.</summary>
    private static (long DurationMs, int Tokens) Usual(string type) => type switch
    {
        "io_read" => (200, 500),
        "io_write" => (300, 500),
        "api_call" => (1000, 200),
        "decision" => (800, 2000),
        PlannedTask.Approval => (60_000, 100),
        "aggregation" => (400, 1500),
        "notification" => (100, 200),
        PlannedTask.Checkpoint => (50, 0),
        _ => (500, 1000),
    };

    private static JsonElement Member(JsonElement body, string name) =>
        body.ValueKind == JsonValueKind.Object && body.TryGetProperty(name, out JsonElement value) ? value : default;

    private string? Text(JsonElement body, string at, string name, int most)
    {
        JsonElement value = Member(body, name);
        switch (value.ValueKind)
        {
            case JsonValueKind.Undefined or JsonValueKind.Null:
                return null;
            case JsonValueKind.String when value.GetString() is { Length: > 0 } text && text.Length <= most && !text.Any(char.IsControl):
                return text;
            default:
                Fault(at + name, $"'{name}' is no text of 1 to {most} printable characters", null);
                return null;
        }
    }

    private long Number(JsonElement body, string at, string name, long otherwise, long least, long most)
    {
        JsonElement value = Member(body, name);
        if (value.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
        {
            return otherwise;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number >= least && number <= most)
        {
            return (long)Math.Round(number);
        }

        Fault(at + name, $"'{name}' is {Short(value.GetRawText())}", string.Create(CultureInfo.InvariantCulture, $"Give a number from {least} to {most}."));
        return otherwise;
    }

    private double? Rate(JsonElement body, string at, string name)
    {
        JsonElement value = Member(body, name);
        if (value.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double rate) && rate is >= 0 and <= 1)
        {
            return rate;
        }

        Fault(at + name, $"'{name}' is {Short(value.GetRawText())}", "Give a share from 0 to 1.");
        return null;
    }

    private long Nano(JsonElement cost, string at, string name)
    {
        JsonElement value = Member(cost, name);
        if (value.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
        {
            return 0;
        }

        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double dollars) && dollars is >= 0 and <= 1000)
        {
            return (long)Math.Round(dollars * NanoDollars);
        }

        Fault(at + name, $"'{name}' is {Short(value.GetRawText())}", "Give dollars from 0 to 1000.");
        return 0;
    }

    private static string Short(string text) => text.Length <= 60 ? text : text[..60] + "…";

    private void Fault(string pointer, string message, string? remedy)
    {
        if (_faults.Count < MostFaults)
        {
            _faults.Add(new ProblemEntry(message, Pointer: pointer, Remedy: remedy));
        }
    }

    private void End()
    {
        if (HasFaults)
        {
            throw new ProblemException(ErrorCode.ValidationFailed, _faults.Count == 1 ? $"The body has a fault: {_faults[0].Message}." : $"The body has {(_faults.Count == MostFaults ? "at least " : "")}{_faults.Count} faults.", _faults);
        }
    }

    /// <summary>The agents of one workflow: those that were assigned, or whoever of the wanted type the seed picks.</summary>
    private sealed class Crew(IReadOnlyList<SubmittedAgent> fleet, JsonElement assignments, long seed, string workflow)
    {
        private readonly List<PlannedAgent> _agents = [];

        public IReadOnlyList<PlannedAgent> Agents => _agents;

        public int Assign(string task, string type)
        {
            PlannedAgent agent = Member(assignments, task) is { ValueKind: JsonValueKind.String } named && fleet.FirstOrDefault(a => a.Agent.AgentId == named.GetString()) is { } assigned
                ? assigned.Agent
                : Pick(task, type);
            int place = _agents.IndexOf(agent);
            if (place < 0)
            {
                place = _agents.Count;
                _agents.Add(agent);
            }

            return place;
        }

        private PlannedAgent Pick(string task, string type)
        {
            if (fleet.Count == 0)
            {
                return PlannedAgent.Nobody;
            }

            SubmittedAgent[] able = [.. fleet.Where(a => a.Agent.Type == type)];
            // The more reliable half of them: nobody gives work to whoever fails most.
            SubmittedAgent[] candidates = [.. (able.Length > 0 ? able : [.. fleet]).OrderByDescending(a => a.Agent.SuccessRate).ThenBy(a => a.Agent.AgentId, StringComparer.Ordinal)];
            int half = (candidates.Length + 1) / 2;
            return candidates[(int)(Simulation.Odds.Of(seed, workflow, task, "assignment", 0) * half)].Agent;
        }
    }
}

/// <param name="Document">As it was sent.</param>
internal sealed record SubmittedAgent(PlannedAgent Agent, string Name, IReadOnlyList<string> Capabilities, JsonElement Document);

internal sealed record SubmittedFleet(IReadOnlyList<SubmittedAgent> Agents, long Seed);

internal sealed record SubmittedScenario(string Id, IReadOnlyList<SubmittedAgent> Agents, IReadOnlyList<WorkflowPlan> Workflows, ScenarioPlan Plan);

/// <param name="IsRealTime">Simulated durations are slept.</param>
internal sealed record SimulationOptions(bool IsRealTime, IReadOnlyList<string> Without);
