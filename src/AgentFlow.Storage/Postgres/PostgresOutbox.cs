using AgentFlow.Contracts.Ids;
using Npgsql;
using NpgsqlTypes;

namespace AgentFlow.Storage.Postgres;

/// <summary>
/// Committed frames in an order that skips none: what a relay reads to hand them on. Rows are written while
/// <see cref="PostgresOptions.Outbox"/> is on.
/// </summary>
public sealed class PostgresOutbox(PostgresDatabase database)
{
    /// <summary>
    /// The commits after <paramref name="after"/>, in the order of their transaction numbers, up to the oldest transaction
    /// that is still open: one with a smaller number can yet commit, and a reader that had gone past it would never see it.
    /// So a frame is there a moment after its commit; a long transaction anywhere in the server delays it.
    /// </summary>
    /// <param name="after">The last commit that was read; 0 begins with the oldest one.</param>
    /// <param name="max">Most commits.</param>
    public ValueTask<IReadOnlyList<OutboxCommit>> ReadAsync(ulong after, int max, CancellationToken cancellationToken) => database.ReadAsync<IReadOnlyList<OutboxCommit>>(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand("""
                WITH box AS MATERIALIZED (
                    SELECT o.xid, o.runs, o.first_seqs FROM outbox o
                    WHERE o.xid > $1 AND o.xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY o.xid LIMIT $2)
                SELECT b.xid, r.tenant, r.id, r.workflow, j.first_seq, j.data
                FROM box b
                LEFT JOIN LATERAL unnest(b.runs, b.first_seqs) WITH ORDINALITY AS p (run, first_seq, n) ON true
                LEFT JOIN journal j ON j.run = p.run AND j.first_seq = p.first_seq
                LEFT JOIN runs r ON r.key = j.run
                ORDER BY b.xid, p.n
                """, connection);
            command.Parameters.Typed(after, NpgsqlDbType.Xid8).Value(max);
            var commits = new List<OutboxCommit>();
            List<OutboxFrame> frames = [];
            NpgsqlDataReader reader = await command.ExecuteReaderAsync(token).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(token).ConfigureAwait(false))
                {
                    ulong xid = reader.GetFieldValue<ulong>(0);
                    if (commits.Count == 0 || commits[^1].Position != xid)
                    {
                        frames = [];
                        commits.Add(new OutboxCommit(xid, frames));
                    }

                    // A noted frame that was refused is not in the journal.
                    if (!reader.IsDBNull(4))
                    {
                        frames.Add(new OutboxFrame(reader.GetString(1), Parameters.ToUlid(reader.GetGuid(2)), reader.GetString(3), reader.GetInt64(4), reader.GetFieldValue<byte[]>(5)));
                    }
                }
            }

            return commits;
        },
        cancellationToken);

    /// <summary>Deletes what was handed on: every commit up to and including <paramref name="upTo"/>.</summary>
    public async ValueTask DeleteAsync(ulong upTo, CancellationToken cancellationToken) => await database.ReadAsync(
        async (connection, token) =>
        {
            using var command = new NpgsqlCommand("DELETE FROM outbox WHERE xid <= $1", connection);
            command.Parameters.Typed(upTo, NpgsqlDbType.Xid8);
            return await command.ExecuteNonQueryAsync(token).ConfigureAwait(false);
        },
        cancellationToken).ConfigureAwait(false);
}

/// <summary>What one transaction committed.</summary>
/// <param name="Position">Where to go on reading: the number of the transaction.</param>
public sealed record OutboxCommit(ulong Position, IReadOnlyList<OutboxFrame> Frames);

/// <param name="FirstSeq">Sequence of the frame's first event; consumers order and drop repetitions by run and sequence.</param>
/// <param name="Data">The encoded frame; values above 2 KiB stand in blobs.</param>
public sealed record OutboxFrame(string Tenant, Ulid Run, string Workflow, long FirstSeq, ReadOnlyMemory<byte> Data);
