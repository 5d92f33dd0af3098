using System.Diagnostics;
using System.Text.Json;
using AgentFlow.Benchmarks.Stores;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Planning;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Expressions.Cel;
using AgentFlow.Expressions.JsonPath;
using AgentFlow.Expressions.JsonSchema;

namespace AgentFlow.Benchmarks.Workloads;

/// <summary>What single operations cost in memory: median of batches, with the bytes that they allocate.</summary>
internal static class Micro
{
    private static readonly string[] Header = ["operation", "ns", "bytes allocated"];

    public static async Task RunAsync(Report report)
    {
        CelExpression condition = CelExpression.Compile("output.confidence < 0.7");
        var variables = new CelVariables(new Dictionary<string, CelValue> { ["output"] = CelValue.FromJson("""{"category":"billing","confidence":0.64}"""u8.ToArray()) });
        Measure(report, "CEL: output.confidence < 0.7", 1, () => condition.Evaluate(variables).IsTrue);

        JsonPaths(report);
        Plans(report);
        await using Bench bench = await Bench.OpenAsync(new SqliteStorage());
        WorkflowDefinition definition = await bench.LoadAsync("ten-steps-durable");
        Payload input = Payload.FromText("""{"message":"hello"}""");
        Measure(report, "state machine: one transition (admission, outcome, next state scheduled)", 10, () => Walk(definition, input).Status == RunStatus.Completed);

        WorkflowDefinition tree = await bench.LoadAsync("behavior-tree");
        Measure(report, "behaviour tree: one tick (a leaf's outcome, through selector, sequence and a false condition to the next leaf)", 10, () => Walk(tree, input).Status == RunStatus.Completed);

        foreach (int items in new[] { 100, 1000, 4000 })
        {
            WorkflowDefinition each = await bench.LoadAsync("foreach-parallel");
            Payload list = Payload.FromText($$"""{"items":[{{string.Join(',', Enumerable.Range(0, items))}}]}""");
            Measure(report, $"foreach: one of {items} items, all at once (admission, outcome, result)", items, () => WalkAll(each, list).Status == RunStatus.Completed);
        }

        List<JournalEvent> events = [];
        Walk(definition, input, events);
        var blobs = new List<Payload>();
        byte[] frame = FrameCodec.Encode(events, blobs);
        Measure(report, $"frame: encode {events.Count} events ({frame.Length} bytes)", 1, () => FrameCodec.Encode(events, blobs).Length > 0);
        Measure(report, $"frame: decode {events.Count} events", 1, () => FrameCodec.Decode(frame, _ => null).Events.Count > 0);
    }

    /// <summary>Ten steps in a diamond, each with two placeholders, against twenty skills with schemas.</summary>
    private static void Plans(Report report)
    {
        JsonElement schema = JsonElement.Parse("""{"type":"object","required":["url"],"properties":{"url":{"type":"string"},"limit":{"type":"integer"}},"additionalProperties":false}""");
        JsonSchema input = JsonSchema.TryCompile(schema, out JsonSchema? compiled, out _) ? compiled : throw new InvalidOperationException("The schema does not compile.");
        var rules = new PlanRules(Enumerable.Range(0, 20).Select(i => new PlanSkill($"skill.s{i}") { InputSchema = schema, Input = input }), 20);
        string plan = $$"""{"reasoning":"one, then eight side by side, then one","steps":[{{string.Join(',', Enumerable.Range(0, 10).Select(Step))}}]}""";
        string bad = plan.Replace("skill.s", "shell.s", StringComparison.Ordinal);
        Measure(report, $"LLM plan: check ten steps ({plan.Length} characters)", 1, () => rules.Check(plan).IsValid);
        Measure(report, "LLM plan: refuse ten steps that name no skill", 1, () => rules.Check(bad).Problems.Count == 10);
        string many = $$"""{"steps":[{{string.Join(',', Enumerable.Range(0, 2_000).Select(i => Step(i % 10)))}}]}""";
        Measure(report, $"LLM plan: refuse 2,000 steps ({many.Length / 1000} kB)", 1, () => !rules.Check(many).IsValid);

        static string Step(int i)
        {
            string after = i == 0 ? "" : i == 9 ? string.Join(',', Enumerable.Range(1, 8).Select(d => $"\"s{d}\"")) : "\"s0\"";
            string used = i == 0 ? "{{input.host}}" : i == 9 ? "{{s1.url}}/{{s8.url}}" : "{{s0.url}}/{{input.path}}";
            return $$"""{"step_id":"s{{i}}","skill":"skill.s{{i}}","params":{"url":"https://{{used}}","limit":5},"depends_on":[{{after}}]}""";
        }
    }

    private static void JsonPaths(Report report)
    {
        const string text = "$.orders[?@.total > 100 && match(@.customer, 'c[0-9]+')].id";
        JsonElement orders = JsonElement.Parse($$"""{"orders":[{{string.Join(',', Enumerable.Range(0, 100).Select(i => $$"""{"id":{{i}},"customer":"c{{i}}","total":{{i * 2.5}}}"""))}}]}""");
        JsonPathQuery query = Compile(text);
        JsonPathQuery path = Compile("$.orders[42].customer");
        Measure(report, "JSONPath: compile a filter with match()", 1, () => Compile(text).Text.Length > 0);
        Measure(report, "JSONPath: $.orders[42].customer", 1, () => path.Select(orders, new JsonPathBudget(1000, 100_000))!.Count == 1);
        Measure(report, "JSONPath: that filter, for each of 100 objects", 100, () => query.Select(orders, new JsonPathBudget(1000, 100_000))!.Count == 59);
        Measure(report, "JSONPath: $..id, for each of 401 values", 401, () => Compile("$..id").Select(orders, new JsonPathBudget(1000, 100_000))!.Count == 100);

        static JsonPathQuery Compile(string text) =>
            JsonPathQuery.TryCompile(text, out JsonPathQuery? query, out _) ? query : throw new InvalidOperationException("The query does not compile.");
    }

    /// <summary>A whole run of ten steps through the planning function, without host, store or tools.</summary>
    private static RunState Walk(WorkflowDefinition definition, Payload input, List<JournalEvent>? events = null)
    {
        var machine = new RunMachine(new RunState("default", default(Ulid), definition));
        machine.Handle(new RunStarted(definition.Name, definition.Version, definition.Hash, "", "t", "b", input, Payload.EmptyObject) { At = 1 });
        while (machine.Runnable.Count > 0)
        {
            NodeRun step = machine.Runnable[0];
            machine.Runnable.Clear();
            machine.Handle(new StepStarted(step.Id, 1, 0, false) { At = 1 });
            machine.Handle(new StepSucceeded(step.Id, 1, input, 0, 0, 0, "") { At = 1 });
        }

        events?.AddRange(machine.Events);
        return machine.State;
    }

    /// <summary>A whole run whose steps are all in flight before the first one ends.</summary>
    private static RunState WalkAll(WorkflowDefinition definition, Payload input)
    {
        var machine = new RunMachine(new RunState("default", default(Ulid), definition));
        machine.Handle(new RunStarted(definition.Name, definition.Version, definition.Hash, "", "t", "b", input, Payload.EmptyObject) { At = 1 });
        while (machine.Runnable.Count > 0)
        {
            NodeRun[] steps = [.. machine.Runnable];
            machine.Runnable.Clear();
            foreach (NodeRun step in steps)
            {
                machine.Handle(new StepStarted(step.Id, 1, 0, false) { At = 1 });
            }

            foreach (NodeRun step in steps)
            {
                machine.Handle(new StepSucceeded(step.Id, 1, step.Input!, 0, 0, 0, "") { At = 1 });
            }
        }

        return machine.State;
    }

    public static void Measure(Report report, string name, int operations, Func<bool> body)
    {
        int batch = 1;
        TimeSpan target = TimeSpan.FromMilliseconds(40);
        while (Time(batch, body) < target)
        {
            batch *= 2;
        }

        var times = new List<double>();
        for (int i = 0; i < 25; i++)
        {
            times.Add(Time(batch, body).TotalNanoseconds / batch / operations);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        Time(1000, body);
        double bytes = (GC.GetAllocatedBytesForCurrentThread() - before) / 1000.0 / operations;
        report.Add("In memory", Header, name, times.Order().ElementAt(12), bytes);
    }

    private static TimeSpan Time(int count, Func<bool> body)
    {
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < count; i++)
        {
            if (!body())
            {
                throw new InvalidOperationException("The operation gave a wrong result.");
            }
        }

        return Stopwatch.GetElapsedTime(start);
    }
}
