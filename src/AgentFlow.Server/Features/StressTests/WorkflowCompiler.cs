using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Definitions;
using AgentFlow.Server.Features.StressTests.Simulation;
using AgentFlow.Server.Features.StressTests.Submissions;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.StressTests;

/// <summary>
/// Writes the workflow file of a submitted workflow: a graph whose steps are its tasks, a cycle as a scope that is repeated, and the
/// mechanisms of recovery that every task has. What was planted in a task stands in the run's input alone: the file is the same without.
/// </summary>
internal static class WorkflowCompiler
{
    public const string NamePrefix = "stress-";

    /// <summary>The step of the cycle, and what of it is repeated.</summary>
    public const string Cycle = "cycle";

    private const string Version = "1.0.0";
    private const int ConnectTries = 3;
    private const int BusyTries = 2;
    private const int AgentTries = 3;

    /// <summary>The id of a task's step.</summary>
    public static string StepOf(int task) => string.Create(CultureInfo.InvariantCulture, $"t{task + 1}");

    /// <summary>The task of a step; -1 for other nodes.</summary>
    public static int TaskOf(string step) => step.Length > 1 && step[0] == 't' && int.TryParse(step.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number - 1 : -1;

    public static WorkflowSource Compile(WorkflowPlan plan)
    {
        string rest = Encoding.UTF8.GetString(Write(w => WriteRest(w, plan)));
        string name = NamePrefix + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(rest))[..12]);
        // JSON is YAML, and the name says what the rest is.
        return new WorkflowSource($$"""{"language":1,"name":"{{name}}","version":"{{Version}}",{{rest.AsSpan(1)}}""" + "\n", WorkflowAssets.Empty);
    }

    /// <summary>The name in a source that <see cref="Compile"/> wrote.</summary>
    public static string NameOf(WorkflowSource source)
    {
        int begin = source.Yaml.IndexOf(NamePrefix, StringComparison.Ordinal);
        return source.Yaml[begin..source.Yaml.IndexOf('"', begin)];
    }

    private static void WriteRest(Utf8JsonWriter w, WorkflowPlan plan)
    {
        w.WriteStartObject("agents"u8);
        for (int i = 0; i < plan.Agents.Count; i++)
        {
            PlannedTask[] tasks = [.. plan.Tasks.Where(t => t.Agent == i)];
            if (tasks.Length > 0)
            {
                w.WritePropertyName(AgentOf(i));
                SimulatedAgentKind.Write(w, plan.Agents[i], tasks.Max(t => t.Tokens), plan.IsRealTime);
            }
        }

        w.WriteEndObject();
        w.WriteStartObject("policies"u8);
        w.WriteNumber("max_budget"u8, Budget(plan));
        w.WriteEndObject();
        w.WriteString("planner"u8, "dag"u8);
        int[] inCycle = [.. Enumerable.Range(0, plan.Tasks.Count).Where(i => plan.Tasks[i].InCycle)];
        w.WriteStartArray("steps"u8);
        for (int i = 0; i < plan.Tasks.Count; i++)
        {
            if (!plan.Tasks[i].InCycle)
            {
                WriteStep(w, plan, i, goesOn: true, [.. plan.Tasks[i].DependsOn.Select(d => plan.Tasks[d].InCycle ? Cycle : StepOf(d)).Distinct(StringComparer.Ordinal)]);
            }
            else if (i == inCycle[0])
            {
                WriteCycle(w, plan, inCycle);
            }
        }

        WriteEnd(w, plan);
        w.WriteEndArray();
    }

    /// <summary>
    /// What does not depend on a task that failed goes on, whatever runs side by side; only then does the workflow fail and undo what was
    /// done. So its outcome does not depend on who is faster.
    /// </summary>
    private static void WriteEnd(Utf8JsonWriter w, WorkflowPlan plan)
    {
        w.WriteStartObject();
        w.WriteString("id"u8, "end"u8);
        Texts(w, "depends_on"u8, [.. Enumerable.Range(0, plan.Tasks.Count).Select(t => plan.Tasks[t].InCycle ? Cycle : StepOf(t)).Distinct(StringComparer.Ordinal)]);
        w.WriteString("condition"u8, "failed()"u8);
        w.WriteString("tool"u8, SimulatedTools.End);
        // Otherwise it gets what came last, which is whoever was slowest.
        w.WriteStartObject("input"u8);
        w.WriteEndObject();
        w.WriteEndObject();
    }

    private static void WriteCycle(Utf8JsonWriter w, WorkflowPlan plan, int[] tasks)
    {
        w.WriteStartObject();
        w.WriteString("id"u8, Cycle);
        w.WriteString("on_error"u8, "continue"u8);
        Texts(w, "depends_on"u8, [.. tasks.SelectMany(t => plan.Tasks[t].DependsOn).Where(d => !plan.Tasks[d].InCycle).Distinct().Order().Select(StepOf)]);
        w.WriteString("planner"u8, "behavior_tree"u8);
        w.WriteStartObject("root"u8);
        w.WriteString("id"u8, "rounds"u8);
        w.WriteNumber("repeat"u8, plan.Iterations);
        w.WriteStartObject("child"u8);
        w.WriteString("id"u8, SimulatedTry.Round);
        w.WriteString("planner"u8, "dag"u8);
        w.WriteStartArray("steps"u8);
        foreach (int task in tasks)
        {
            WriteStep(w, plan, task, goesOn: false, [.. plan.Tasks[task].DependsOn.Where(d => plan.Tasks[d].InCycle).Select(StepOf)]);
        }

        w.WriteEndArray();
        w.WriteEndObject();
        w.WriteEndObject();
        w.WriteEndObject();
    }

    private static void WriteStep(Utf8JsonWriter w, WorkflowPlan plan, int index, bool goesOn, string[] dependsOn)
    {
        PlannedTask task = plan.Tasks[index];
        w.WriteStartObject();
        w.WriteString("id"u8, StepOf(index));
        w.WriteString("on_error"u8, goesOn ? "continue"u8 : "abort"u8);
        Texts(w, "depends_on"u8, dependsOn);
        w.WriteString("agent"u8, AgentOf(task.Agent));
        w.WriteStartObject("input"u8);
        w.WriteString("task"u8, string.Create(CultureInfo.InvariantCulture, $"${{input.tasks[{index}]}}"));
        w.WriteString("seed"u8, "${input.seed}"u8);
        w.WriteString("workflow"u8, "${input.workflow_id}"u8);
        w.WriteEndObject();
        w.WriteString("timeout"u8, Milliseconds(SimulatedDurations.Limit(task)));
        w.WriteString("on_unknown"u8, plan.Has(Mechanism.Rebuild) ? "retry"u8 : "fail"u8);
        w.WriteStartObject("retry"u8);
        w.WriteNumber("max_attempts"u8, plan.Has(Mechanism.Retry) ? 1 + task.Retries : 1);
        WriteWaits(w, plan);
        w.WriteNumber("jitter"u8, 0);
        Texts(w, "on"u8, "transient");
        w.WriteEndObject();
        w.WriteStartArray("remedies"u8);
        WriteWait(w, plan, AgentTries, ErrorCode.AgentUnavailable.Code);
        if (plan.Has(Mechanism.Backoff))
        {
            WriteWait(w, plan, BusyTries, ErrorCode.RateLimited.Code);
        }

        if (plan.Has(Mechanism.Queue))
        {
            WriteWait(w, plan, ConnectTries, ErrorCode.ConnectFailed.Code);
        }

        WriteRemedy(w, plan, Mechanism.Repair, "OUTPUT_INVALID", SimulatedTools.Repair, accepts: true);
        WriteRemedy(w, plan, Mechanism.Summarize, ErrorCode.ModelInputTooLarge.Code, SimulatedTools.Summarize, accepts: false);
        WriteRemedy(w, plan, Mechanism.Adjudicate, "AGENTS_DISAGREE", SimulatedTools.Adjudicate, accepts: true);
        w.WriteEndArray();
        if (task.Compensation is not null && plan.Has(Mechanism.Compensate))
        {
            w.WriteStartObject("compensate"u8);
            w.WriteString("tool"u8, SimulatedTools.Undo);
            w.WriteEndObject();
        }

        w.WriteEndObject();
    }

    private static void WriteWait(Utf8JsonWriter w, WorkflowPlan plan, int times, string code)
    {
        w.WriteStartObject();
        Texts(w, "on"u8, code);
        w.WriteNumber("times"u8, times);
        WriteWaits(w, plan);
        w.WriteEndObject();
    }

    private static void WriteRemedy(Utf8JsonWriter w, WorkflowPlan plan, string mechanism, string code, string tool, bool accepts)
    {
        if (plan.Has(mechanism))
        {
            w.WriteStartObject();
            Texts(w, "on"u8, code);
            w.WriteString("tool"u8, tool);
            w.WriteString("then"u8, accepts ? "accept"u8 : "retry"u8);
            w.WriteEndObject();
        }
    }

    /// <summary>Where durations are not slept, neither are the waits between tries.</summary>
    private static void WriteWaits(Utf8JsonWriter w, WorkflowPlan plan)
    {
        w.WriteString("initial"u8, Milliseconds(plan.IsRealTime ? SimulatedDurations.FirstRetry : 0));
        w.WriteString("max"u8, Milliseconds(plan.IsRealTime ? SimulatedDurations.MostRetry : 0));
    }

    /// <summary>Dollars that all tries of all tasks can cost together.</summary>
    private static decimal Budget(WorkflowPlan plan)
    {
        decimal nano = 0;
        foreach (PlannedTask task in plan.Tasks)
        {
            PlannedAgent agent = plan.Agents[task.Agent];
            int most = plan.Tasks.Where(t => t.Agent == task.Agent).Max(t => t.Tokens);
            decimal once = agent.PerInvocationNano + ((decimal)agent.PerTokenNano * most);
            nano += once * (task.InCycle ? plan.Iterations : 1) * (2 + task.Retries + AgentTries + BusyTries + ConnectTries);
        }

        return Math.Max(nano, 1) / 1_000_000_000m;
    }

    private static string AgentOf(int agent) => string.Create(CultureInfo.InvariantCulture, $"a{agent + 1}");

    private static string Milliseconds(long milliseconds) => string.Create(CultureInfo.InvariantCulture, $"{milliseconds}ms");

    private static void Texts(Utf8JsonWriter w, ReadOnlySpan<byte> name, params ReadOnlySpan<string> texts)
    {
        w.WriteStartArray(name);
        foreach (string text in texts)
        {
            w.WriteStringValue(text);
        }

        w.WriteEndArray();
    }

    private static byte[] Write(Action<Utf8JsonWriter> members)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var w = new Utf8JsonWriter(buffer, Reply.WriterOptions))
        {
            w.WriteStartObject();
            members(w);
            w.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }
}
