using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Ports;
using AgentFlow.Storage.Sqlite;
using AgentFlow.Storage.Tests.Postgres;
using AgentFlow.Storage.Tests.Sqlite;

namespace AgentFlow.Storage.Tests;

/// <summary>
/// Bugs are planted into the real stores, one at a time; each must be found by the promise that it breaks (the names are those
/// of docs/architecture/simulation.md), and the same look at the store finds nothing when no bug is planted.
/// </summary>
[Trait("Flavour", "faults")]
public sealed class PlantedBugTests(PostgresFixture fixture) : IDisposable
{
    private const string OneOwner = "one owner";

    public void Dispose() => Plant(null);

    [Fact]
    public Task Park_WhateverHasArrived_IsFound() => FoundAsync(Bug.ParkedOverWork, "nobody sleeps over work", () => SqliteAsync(async store =>
    {
        RunAppend run = await store.WriteAsync(Writing.Creation());
        await store.WriteAsync(Writing.Item(run.Run, "signal"));
        RunAppend park = await store.WriteAsync(Writing.Append(run, 1, RowChange.Park, wake: 0));
        return park.Outcome == CommitOutcome.CommittedAwake ? null : "nobody sleeps over work";
    }));

    [Fact]
    public Task Create_SameKeyTwice_IsFound() => FoundAsync(Bug.RunDuplicated, "one run for one key", () => SqliteAsync(async store =>
    {
        await store.WriteAsync(Writing.Creation(key: "order"));
        RunAppend again = await store.WriteAsync(Writing.Creation(key: "order"));
        return again.Outcome == CommitOutcome.Duplicate ? null : "one run for one key";
    }));

    [Fact]
    public Task Commit_ThatFailed_IsFound() => FoundAsync(Bug.CommitErrorSwallowed, "nothing acknowledged is lost", async () =>
    {
        using var sqlite = new TemporarySqlite();
        var store = new SqliteRunStore(sqlite.Database);
        // A violated reference that is looked at last: every statement succeeds, and COMMIT fails.
        sqlite.Database.Writer.Execute("PRAGMA foreign_keys=ON");
        sqlite.Database.Writer.Execute("CREATE TABLE owed (run INTEGER REFERENCES runs (key) DEFERRABLE INITIALLY DEFERRED)");
        sqlite.Database.Writer.Execute("CREATE TRIGGER owes AFTER INSERT ON journal BEGIN INSERT INTO owed VALUES (-1); END");
        RunAppend run = Writing.Creation();
        try
        {
            await store.WriteAsync(run);
        }
        catch (SqliteException)
        {
            return null;
        }

        return run.Outcome == CommitOutcome.Committed && await store.FindAsync("t1", run.Run, default) is null ? "nothing acknowledged is lost" : null;
    });

    [Fact]
    public Task Append_ByAProcessThatLostTheRun_IsFound() => FoundAsync(Bug.FenceMissing, OneOwner, async () =>
    {
        await using TemporaryPostgres a = await TemporaryPostgres.CreateAsync(fixture);
        await using TemporaryPostgres b = await a.JoinAsync();
        RunAppend run = await a.Store.WriteAsync(Writing.Creation());
        await a.ExpireAsync();
        while ((await b.Store.ClaimAsync(1, default)).Count == 0)
        {
            await Task.Yield();
        }

        RunAppend late = await a.Store.WriteAsync(Writing.Append(run, 1));
        return late.Outcome == CommitOutcome.Fenced ? null : OneOwner;
    });

    [Fact]
    public Task Append_ByAnEarlierOwnershipOfTheSameProcess_IsFound() => FoundAsync(Bug.ClaimKeepsEpoch, OneOwner, async () =>
    {
        await using TemporaryPostgres postgres = await TemporaryPostgres.CreateAsync(fixture);
        RunAppend run = await postgres.Store.WriteAsync(Writing.Creation());
        await postgres.Store.WriteAsync(Writing.Append(run, 1, RowChange.Park));
        await postgres.Store.WriteAsync(Writing.Item(run.Run, "signal"));
        Assert.Single(await postgres.Store.ClaimAsync(1, default));
        RunAppend late = await postgres.Store.WriteAsync(Writing.Append(run, 2));
        return late.Outcome == CommitOutcome.Fenced ? null : OneOwner;
    });

    private static async Task<string?> SqliteAsync(Func<IRunStore, Task<string?>> look)
    {
        using var sqlite = new TemporarySqlite();
        return await look(new SqliteRunStore(sqlite.Database));
    }

    /// <param name="look">Uses a new store, and names the promise that it broke.</param>
    private static async Task FoundAsync(Bug bug, string invariant, Func<Task<string?>> look)
    {
        Plant(bug);
        Assert.Equal(invariant, await look());
        Plant(null);
        Assert.Null(await look());
    }

    private static void Plant(Bug? bug)
    {
#if AF_FAULTS
        Planted.Now = bug;
#else
        Assert.True(bug is null, "These tests need the faults flavour. Build it with: dotnet build tests/AgentFlow.Storage.Tests -p:Faults=true -m:2 -v q; then run: dotnet artifacts/faults/bin/AgentFlow.Storage.Tests/debug/AgentFlow.Storage.Tests.dll -trait Flavour=faults");
#endif
    }
}
