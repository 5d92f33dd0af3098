using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Scheduling;
using AgentFlow.Engine.Steps;
using AgentFlow.Messaging.InProcess;
using AgentFlow.Server.Features.Runs;
using AgentFlow.Storage.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentFlow.Server.Tests.Features.Runs;

/// <summary>The stream on the real store and engine, where the server's own clockwork would take too long to watch.</summary>
public sealed class RunStreamsTests : IAsyncLifetime
{
    private readonly string _directory = Directory.CreateTempSubdirectory("agentflow-streams-").FullName;
    private readonly InProcessBus _engines = new();
    private readonly InProcessBus _heard = new();
    private readonly WorkflowDefinition _definition = Journals.Definition(Flows.Wait);
    private SqliteDatabase _database = null!;
    private SqliteRunStore _store = null!;
    private DefinitionCache _definitions = null!;
    private RunHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        _database = SqliteDatabase.Open(Path.Combine(_directory, "a.db"));
        _store = new SqliteRunStore(_database);
        _definitions = new DefinitionCache(new SqliteCatalogue(_database), _ => _definition);
        _definitions.Add("default", _definition);
        TimeProvider clock = TimeProvider.System;
        _host = new RunHost(new EngineOptions(), _store, _definitions, [], new StepPerformer(clock), _engines, new UlidFactory(clock, CryptographicRandom.Shared), clock, NullLogger.Instance);
        await _host.OpenAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        _database.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task Follow_BusThatBringsNothing_FindsEverythingInTheJournal()
    {
        RunRow row = await StartAsync();

        // The engine publishes on another bus than the one that the stream listens to.
        List<StreamItem> items = [];
        await foreach (StreamItem item in Streams(TimeSpan.FromHours(1)).FollowAsync("default", row, 0, CancellationToken.None))
        {
            items.Add(item);
            if (items.Count == 1)
            {
                await _host.SendAsync("default", row.Run, InboxKind.Signal, "s", new InboxContent { Name = "go" }, CancellationToken.None);
            }
        }

        long[] seqs = [.. items.OfType<StreamItem.Events>().SelectMany(e => e.Texts).Select(t => t.Seq)];
        Assert.Equal(Enumerable.Range(0, seqs.Length).Select(i => (long)i), seqs);
        Assert.Equal(new StreamItem.Ended(RunStatus.Completed, seqs[^1]), items[^1]);
    }

    [Fact]
    public async Task Follow_SilentRun_GivesHeartbeats()
    {
        RunRow row = await StartAsync();
        int beats = 0;
        await foreach (StreamItem item in Streams(TimeSpan.FromMilliseconds(30)).FollowAsync("default", row, 1000, CancellationToken.None))
        {
            Assert.IsType<StreamItem.Heartbeat>(item);
            if (++beats == 3)
            {
                break;
            }
        }
    }

    [Fact]
    public async Task Follow_RunThatIsSetAside_Ends()
    {
        RunRow row = await StartAsync();
        List<StreamItem> items = [];
        await foreach (StreamItem item in Streams(TimeSpan.FromHours(1)).FollowAsync("default", row, 0, CancellationToken.None))
        {
            items.Add(item);
            if (items.Count == 1)
            {
                await _store.SetAsideAsync(new ClaimedRun(1, row.Run, "default", row.Workflow, row.Version, row.DefinitionHash), "for the test", CancellationToken.None);
            }
        }

        Assert.Equal(RunStatus.Diverged, Assert.IsType<StreamItem.Ended>(items[^1]).Status);
    }

    [Fact]
    public async Task Follow_ReaderThatLeaves_IsForgottenByTheBus()
    {
        RunRow row = await StartAsync();
        using var leave = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (StreamItem _ in Streams(TimeSpan.FromMilliseconds(30)).FollowAsync("default", row, 0, leave.Token))
            {
                if (_heard.HasConsumers)
                {
                    await leave.CancelAsync();
                }
            }
        });
        Assert.False(_heard.HasConsumers);
    }

    private RunStreams Streams(TimeSpan heartbeat) => new(new RunReader(_store, _definitions), _heard, TimeProvider.System)
    {
        PollInterval = TimeSpan.FromMilliseconds(10),
        HeartbeatInterval = heartbeat,
    };

    private async Task<RunRow> StartAsync()
    {
        StartOutcome start = await _host.StartAsync(new StartRequest("default", _definition, Payload.EmptyObject, "test"), CancellationToken.None);
        return (await _store.FindAsync("default", start.Run, CancellationToken.None))!;
    }
}
