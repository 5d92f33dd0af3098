using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Storage.Sqlite;

/// <summary>
/// What frames do to other runs and to what runs share, in the frame's transaction. One connection writes, so that places are given
/// in one order without locks.
/// </summary>
internal static class SqliteCross
{
    /// <param name="create">Writes a child's first frame.</param>
    /// <param name="touched">Receives the runs that were created or given something.</param>
    public static void Write(SqliteConnection connection, RunAppend append, CrossAppend cross, Func<RunAppend, CommitOutcome> create, List<Ulid> touched)
    {
        foreach (RunAppend child in cross.Children)
        {
            child.Outcome = create(child);
            touched.Add(child.Run);
            CrashPoint.Reach("sqlite.child_created");
        }

        foreach (CrossItem item in cross.Items)
        {
            Post(connection, append.Tenant, item, touched);
        }

        var names = new HashSet<(SharedKind Kind, string Name)>();
        foreach (PlaceReturn left in cross.Returns)
        {
            connection.Prepare("DELETE FROM places WHERE tenant = ? AND run = ? AND step = ?").Bind(append.Tenant).Bind(append.Key).Bind(left.Step).Run();
            CrashPoint.Reach("sqlite.place_returned");
            names.Add((left.Kind, left.Name));
        }

        foreach (PlaceRequest request in cross.Requests)
        {
            connection.Prepare("INSERT INTO places (tenant, kind, name, run, step, size) VALUES (?, ?, ?, ?, ?, ?)")
                .Bind(append.Tenant).Bind((long)request.Kind).Bind(request.Name).Bind(append.Key).Bind(request.Step).Bind(request.Size).Run();
            CrashPoint.Reach("sqlite.place_requested");
            names.Add((request.Kind, request.Name));
        }

        Settle(connection, append.Tenant, names, touched);
    }

    /// <summary>Takes a run's places from it, and gives them to those who wait.</summary>
    public static void Vacate(SqliteConnection connection, string tenant, long run, List<Ulid> touched)
    {
        var names = new HashSet<(SharedKind Kind, string Name)>();
        SqliteStatement places = connection.Prepare("SELECT kind, name FROM places WHERE tenant = ? AND run = ?").Bind(tenant).Bind(run);
        while (places.Read())
        {
            names.Add(((SharedKind)places.Int64(0), places.Text(1)));
        }

        if (names.Count > 0)
        {
            connection.Prepare("DELETE FROM places WHERE tenant = ? AND run = ?").Bind(tenant).Bind(run).Run();
            Settle(connection, tenant, names, touched);
        }
    }

    private static void Settle(SqliteConnection connection, string tenant, HashSet<(SharedKind Kind, string Name)> names, List<Ulid> touched)
    {
        foreach ((SharedKind kind, string name) in names)
        {
            if (kind == SharedKind.Semaphore)
            {
                GivePermits(connection, tenant, name, touched);
            }
            else
            {
                OpenBarrier(connection, tenant, name, touched);
            }
        }
    }

    private static void Post(SqliteConnection connection, string tenant, CrossItem item, List<Ulid> touched)
    {
        SqliteStatement find = connection.Prepare("SELECT key FROM runs WHERE tenant = ? AND id = ? AND status < 6").Bind(tenant).Bind(item.Run.ToByteArray());
        if (!find.Read())
        {
            return;
        }

        long key = find.Int64(0);
        find.Reset();
        if (SqliteRunStore.Put(connection, key, item.Kind, item.Dedupe, item.Data, RunStatus.Queued) is not null)
        {
            touched.Add(item.Run);
        }
    }

    /// <summary>First come, first served, by what each one's own workflow says that there is.</summary>
    private static void GivePermits(SqliteConnection connection, string tenant, string name, List<Ulid> touched)
    {
        long held = 0;
        SqliteStatement count = connection.Prepare("SELECT count(*) FROM places WHERE tenant = ? AND kind = 1 AND name = ? AND held = 1").Bind(tenant).Bind(name);
        while (count.Read())
        {
            held = count.Int64(0);
        }

        while (true)
        {
            SqliteStatement next = connection.Prepare("SELECT number, run, step, size FROM places WHERE tenant = ? AND kind = 1 AND name = ? AND held = 0 ORDER BY number LIMIT 1").Bind(tenant).Bind(name);
            if (!next.Read())
            {
                return;
            }

            (long number, long run, int step, long size) = (next.Int64(0), next.Int64(1), (int)next.Int64(2), next.Int64(3));
            next.Reset();
            if (held >= size)
            {
                return;
            }

            connection.Prepare("UPDATE places SET held = 1 WHERE tenant = ? AND number = ?").Bind(tenant).Bind(number).Run();
            held++;
            Give(connection, run, step, number, 1, touched);
        }
    }

    /// <summary>Lets a round pass as soon as as many wait as the largest number that any of them names.</summary>
    private static void OpenBarrier(SqliteConnection connection, string tenant, string name, List<Ulid> touched)
    {
        while (true)
        {
            var waiting = new List<(long Number, long Run, int Step)>();
            long parties = 0;
            SqliteStatement rows = connection.Prepare("SELECT number, run, step, size FROM places WHERE tenant = ? AND kind = 2 AND name = ? ORDER BY number").Bind(tenant).Bind(name);
            while (rows.Read())
            {
                waiting.Add((rows.Int64(0), rows.Int64(1), (int)rows.Int64(2)));
                parties = Math.Max(parties, rows.Int64(3));
            }

            if (waiting.Count == 0 || waiting.Count < parties)
            {
                return;
            }

            long round = waiting[(int)parties - 1].Number;
            for (int i = 0; i < parties; i++)
            {
                connection.Prepare("DELETE FROM places WHERE tenant = ? AND number = ?").Bind(tenant).Bind(waiting[i].Number).Run();
                Give(connection, waiting[i].Run, waiting[i].Step, round, i + 1, touched);
            }
        }
    }

    private static void Give(SqliteConnection connection, long run, int step, long round, int position, List<Ulid> touched)
    {
        var content = new InboxContent { Node = step, Round = round, Position = position };
        if (SqliteRunStore.Put(connection, run, InboxKind.Place, $"place:{step}", content.Write(), RunStatus.Queued) is null)
        {
            return;
        }

        CrashPoint.Reach("sqlite.place_given");
        SqliteStatement row = connection.Prepare("SELECT id FROM runs WHERE key = ?").Bind(run);
        while (row.Read())
        {
            touched.Add(new Ulid(row.Blob(0)));
        }
    }
}
