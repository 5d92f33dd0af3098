using System.Globalization;
using AgentFlow.Engine.Audit;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Storage.Files;

/// <summary>Exported segments as files: <c>TENANT-FROM-TO.jsonl</c>, each record one line, each checkpoint behind the record that it ends with.</summary>
public sealed class FileArchive(string folder) : IAuditArchive
{
    private const int RecordsPerRead = 1000;

    public async ValueTask<string> ExportAsync(string tenant, long from, IReadOnlyList<AuditCheckpoint> segments, IAuditStore store, CancellationToken cancellationToken)
    {
        long end = segments[^1].Size;
        Directory.CreateDirectory(folder);
        string path = Path.Combine(Path.GetFullPath(folder), string.Create(CultureInfo.InvariantCulture, $"{tenant}-{from}-{end - 1}.jsonl"));
        Dictionary<long, AuditCheckpoint> at = segments.ToDictionary(s => s.Size);
        var file = new FileStream(path + ".new", FileMode.Create, FileAccess.Write, FileShare.None);
        await using (file.ConfigureAwait(false))
        {
            for (long next = from; next < end;)
            {
                IReadOnlyList<AuditRecord> records = await store.ReadAsync(tenant, next, (int)Math.Min(RecordsPerRead, end - next), cancellationToken).ConfigureAwait(false);
                if (records.Count == 0)
                {
                    throw new IOException($"records from {next} on are missing; nothing is dropped");
                }

                foreach (AuditRecord record in records)
                {
                    bool ends = at.TryGetValue(record.Number + 1, out AuditCheckpoint? checkpoint);
                    if (record.Number != next || !AuditChain.IsWhole(record) || (ends && checkpoint!.Hash != record.Hash))
                    {
                        throw new IOException($"record {next} is not the one that was sealed; nothing is dropped");
                    }

                    file.Write([.. AuditLine.Write(record), (byte)'\n']);
                    if (ends)
                    {
                        file.Write([.. checkpoint!.ToJson(), (byte)'\n']);
                    }

                    next++;
                }
            }

            file.Flush(flushToDisk: true);
        }

        File.Move(path + ".new", path, overwrite: true);
        return path;
    }
}
