using System.Collections.Concurrent;
using System.Text;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.StateMachine;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.Steps;
using AgentFlow.Messaging.InProcess;
using AgentFlow.Storage.Postgres;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentFlow.Storage.Tests.Postgres;

/// <summary>The server dies, hangs up or refuses while an engine works on it. Each test has a server of its own.</summary>
public sealed class PostgresOutageTests
{
    private const int Steps = 4;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(180);

    private readonly ConcurrentQueue<string> _calls = new();

    private WorkflowDefinition Definition()
    {
        var tool = new Recording(_calls);
        (PlanNode, StateRules)[] states = [.. Enumerable.Range(0, Steps).Select(i => ((PlanNode)new CallNode { Id = "s" + i, Tool = tool }, new StateRules { OnSuccess = i + 1 < Steps ? i + 1 : null, IsFinal = i + 1 == Steps }))];
        return new WorkflowDefinition(new StateMachineNode(states, 0) { Id = "root" })
        {
            Name = "w",
            Version = "1.0.0",
            Hash = new string('0', 64),
            Planner = "test",
            Source = new WorkflowSource("", WorkflowAssets.Empty, "w"),
            Policies = RunPolicies.Default,
        };
    }

    private static async Task<RunHost> HostAsync(TemporaryPostgres postgres, WorkflowDefinition definition)
    {
        var definitions = new DefinitionCache(new PostgresCatalogue(postgres.Database), _ => throw new NotSupportedException());
        definitions.Add("t1", definition);
        // Fewer places than runs at once, so that some go through the queue.
        var host = new RunHost(new EngineOptions { MaxResident = 10 }, postgres.Store, definitions, [], new StepPerformer(TimeProvider.System), new InProcessBus(), new UlidFactory(TimeProvider.System, CryptographicRandom.Shared), TimeProvider.System, NullLogger.Instance);
        await host.OpenAsync(default);
        return host;
    }

    /// <summary>Asks for a run until it has one, under a key, as a caller does whom the store's outage reaches.</summary>
    private static async Task<Ulid> CompleteAsync(RunHost host, WorkflowDefinition definition)
    {
        var request = new StartRequest("t1", definition, Payload.EmptyObject, "tester", IdempotencyKey: Guid.NewGuid().ToString());
        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            try
            {
                (StartOutcome start, RunEnd end) = await host.ExecuteAsync(request, limit.Token);
                Assert.Equal(RunStatus.Completed, end.Status);
                return start.Run;
            }
            catch (StoreUnavailableException)
            {
                await Task.Delay(20, limit.Token);
            }
        }
    }

    private async Task VerifyAsync(TemporaryPostgres postgres, IReadOnlyCollection<Ulid> accepted)
    {
        Assert.Equal(accepted.Count, (await postgres.Store.ListAsync("t1", new RunFilter(), default)).Total);
        foreach (Ulid run in accepted)
        {
            Assert.Equal(RunStatus.Completed, (await postgres.Store.FindAsync("t1", run, default))!.Status);
            long next = 0;
            var events = new List<JournalEvent>();
            foreach (StoredFrame frame in await postgres.Store.ReadFramesAsync("t1", run, 0, 1000, default))
            {
                Assert.Equal(next, frame.FirstSeq);
                events.AddRange(FrameCodec.Decode(frame.Data, _ => null).Events);
                next = events.Count;
            }

            Assert.IsType<RunCompleted>(events[^1]);
            Assert.Single(events.OfType<RunCompleted>());
            Assert.Equal(Steps, events.OfType<StepSucceeded>().Count());
        }

        Assert.Equal(accepted.Count * Steps, _calls.Count);
        Assert.Equal(_calls.Count, _calls.Distinct().Count());
    }

    [Fact]
    public async Task Kill9_DuringCommits_NothingAcknowledgedIsLostAndNothingRunsTwice()
    {
        Assert.SkipWhen(PostgresCluster.Missing is not null, PostgresCluster.Missing ?? "");
        await using PostgresCluster cluster = await PostgresCluster.StartAsync();
        await using TemporaryPostgres postgres = await TemporaryPostgres.CreateAsync(cluster);
        WorkflowDefinition definition = Definition();
        await using RunHost host = await HostAsync(postgres, definition);
        var accepted = new ConcurrentBag<Ulid>();
        bool enough = false;

        async Task WorkAsync()
        {
            while (!Volatile.Read(ref enough))
            {
                accepted.Add(await CompleteAsync(host, definition));
            }
        }

        Task working = Task.WhenAll(Enumerable.Range(0, 24).Select(_ => Task.Run(WorkAsync)));
        for (int kill = 1; kill <= 3; kill++)
        {
            using var limit = new CancellationTokenSource(Patience);
            int goal = accepted.Count + 60;
            while (accepted.Count < goal)
            {
                await Task.WhenAny(working, Task.Delay(2, limit.Token));
                limit.Token.ThrowIfCancellationRequested();
                Assert.False(working.IsFaulted, working.Exception?.ToString());
            }

            cluster.Kill();
            await cluster.RestartAsync();
        }

        Volatile.Write(ref enough, true);
        await working.WaitAsync(Patience);
        await VerifyAsync(postgres, accepted);
    }

    [Fact]
    public async Task Connection_BreaksBetweenCommitAndAnswer_ReadingDecides()
    {
        Assert.SkipWhen(PostgresCluster.Missing is not null, PostgresCluster.Missing ?? "");
        await using PostgresCluster cluster = await PostgresCluster.StartAsync();
        await using var proxy = new LossyProxy(cluster.Port);
        await using TemporaryPostgres postgres = await TemporaryPostgres.CreateAsync(cluster, through: proxy);
        WorkflowDefinition definition = Definition();
        await using RunHost host = await HostAsync(postgres, definition);
        ulong seed = (ulong)Random.Shared.NextInt64();
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new SeededRandom(seed);
        proxy.Lose(answer =>
        {
            lock (random)
            {
                return (LossyProxy.Count(answer, "INSERT 0 "u8) > 0 || LossyProxy.Count(answer, "UPDATE 1"u8) > 0) && random.NextUInt64() % 8 == 0;
            }
        });
        var accepted = new ConcurrentBag<Ulid>();
        await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
        {
            // How many answers there are to lose depends on how much gathers in a commit.
            for (int i = 0; i < 5 || proxy.Lost <= 5; i++)
            {
                accepted.Add(await CompleteAsync(host, definition));
            }
        }))).WaitAsync(Patience);
        proxy.Lose(null);
        await VerifyAsync(postgres, accepted);
    }

    [Fact]
    public async Task Server_TurnsReadOnlyAndBack_SaysSoAndRecovers()
    {
        Assert.SkipWhen(PostgresCluster.Missing is not null, PostgresCluster.Missing ?? "");
        await using PostgresCluster cluster = await PostgresCluster.StartAsync();
        await using TemporaryPostgres postgres = await TemporaryPostgres.CreateAsync(cluster);
        RunAppend run = await postgres.Store.WriteAsync(Writing.Creation());
        RunAppend next = Writing.Append(run, 1);
        await SetReadOnlyAsync("on");
        StoreUnavailableException thrown = await SoonAsync<StoreUnavailableException>(async () => await postgres.Store.WriteAsync(next));
        Assert.Contains("read-only", thrown.Message);
        Assert.Equal(CommitOutcome.Pending, next.Outcome);
        await SetReadOnlyAsync("off");
        using var limit = new CancellationTokenSource(Patience);
        while (next.Outcome != CommitOutcome.Committed)
        {
            try
            {
                await postgres.Store.WriteAsync(next);
            }
            catch (StoreUnavailableException)
            {
                await Task.Delay(20, limit.Token);
            }
        }

        async Task SetReadOnlyAsync(string value)
        {
            await using var admin = await cluster.Admin.OpenConnectionAsync();
            foreach (string sql in new[] { "SET default_transaction_read_only = off", $"ALTER SYSTEM SET default_transaction_read_only = {value}", "SELECT pg_reload_conf()" })
            {
                await using var command = new Npgsql.NpgsqlCommand(sql, admin);
                await command.ExecuteNonQueryAsync();
            }
        }

        // A backend takes note of the new setting before its next statement, a moment after it was made.
        static async Task<T> SoonAsync<T>(Func<Task> act)
            where T : Exception
        {
            using var limit = new CancellationTokenSource(Patience);
            while (true)
            {
                try
                {
                    await act();
                    await Task.Delay(5, limit.Token);
                }
                catch (T e)
                {
                    return e;
                }
            }
        }
    }

    /// <summary>A tool with effects: every call counts.</summary>
    private sealed class Recording(ConcurrentQueue<string> calls) : ITool
    {
        public ToolContract Contract { get; } = new() { Id = "test.recording", Version = "1.0.0", Effects = Effects.External };

        public ValueTask<StepOutcome> InvokeAsync(ToolCall call, CancellationToken cancellationToken)
        {
            calls.Enqueue(call.RunId + call.StepPath);
            return ValueTask.FromResult(StepOutcome.Success(Encoding.UTF8.GetBytes("{}")));
        }
    }
}
