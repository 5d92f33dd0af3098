using System.Diagnostics;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.StateMachine;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.Steps;
using AgentFlow.Messaging.InProcess;
using AgentFlow.Storage.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

var echo = new Echo();
WorkflowDefinition Def(Durability d)
{
    var states = Enumerable.Range(0, 10).Select(i => ((PlanNode)new CallNode { Id = "s" + i, Tool = echo }, new StateRules { OnSuccess = i < 9 ? i + 1 : null, IsFinal = i == 9 })).ToArray();
    return new WorkflowDefinition(new StateMachineNode(states, 0) { Id = "root" }) { Name = "w1", Version = "1.0.0", Hash = new string('0', 64), Planner = "fsm", Source = new WorkflowSource("", WorkflowAssets.Empty), Policies = new RunPolicies { Durability = d } };
}
string dir = Path.Combine(Path.GetTempPath(), "afbench" + Environment.ProcessId);
using var db = SqliteDatabase.Open(Path.Combine(dir, "a.db"));
Console.WriteLine(SqliteEngine.Version);
var store = new SqliteRunStore(db);
var clock = TimeProvider.System;
await using var host = new RunHost(new EngineOptions(), store, new DefinitionCache(new SqliteCatalogue(db), _ => throw new NotSupportedException()), [new SchemaAdmission(), new PermissionAdmission(), new BudgetAdmission()], new StepPerformer(clock), new InProcessBus(), new UlidFactory(clock, CryptographicRandom.Shared), clock, NullLogger.Instance);
var input = Payload.FromText("{\"message\":\"hello\"}");
foreach (Durability d in new[] { Durability.EveryStep, Durability.Effects })
foreach (int c in new[] { 1, 16, 64, 1, 16, 64 })
{
    var def = Def(d);
    var sw = Stopwatch.StartNew();
    long done = 0;
    var lat = new System.Collections.Concurrent.ConcurrentBag<double>();
    await Task.WhenAll(Enumerable.Range(0, c).Select(_ => Task.Run(async () =>
    {
        while (sw.ElapsedMilliseconds < 3000)
        {
            long t = Stopwatch.GetTimestamp();
            var (_, end) = await host.ExecuteAsync(new StartRequest("default", def, input, "bench"), default);
            if (end.Status != RunStatus.Completed) throw new InvalidOperationException(end.ToString());
            lat.Add(Stopwatch.GetElapsedTime(t).TotalMilliseconds);
            Interlocked.Increment(ref done);
        }
    })));
    var l = lat.Order().ToArray();
    Console.WriteLine($"{d} c={c} {done / sw.Elapsed.TotalSeconds:0}/s p50={l[l.Length / 2]:0.00} p99={l[(int)(l.Length * 0.99)]:0.00}");
}
Console.WriteLine(new FileInfo(Path.Combine(dir, "a.db")).Length / 1e6 + " MB, wal " + new FileInfo(Path.Combine(dir, "a.db-wal")).Length / 1e6);
Directory.Delete(dir, true);

internal sealed class Echo : ITool
{
    public ToolContract Contract { get; } = new() { Id = "skill.echo", Version = "1.0.0", Effects = Effects.None, Determinism = Determinism.Full };

    public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken) => new(StepOutcome.Success(call.Input));
}
