namespace AgentFlow.Cli.Tests.Support.Disks;

/// <summary>What a disk may hold of writes that were never synced.</summary>
internal enum Unsynced
{
    /// <summary>Nothing: files end where the last sync found them.</summary>
    Lost,

    /// <summary>Other bytes.</summary>
    Garbage,

    /// <summary>The first half of each, then other bytes.</summary>
    Torn,
}

/// <summary>Makes of a killed process's files what a power cut at that moment might have left.</summary>
internal static class PowerCut
{
    private const int Sector = 512;

    /// <param name="calls">Everything that the process asked for.</param>
    /// <param name="from">The folder with its files.</param>
    /// <param name="to">Where the files are copied to and cut.</param>
    /// <returns>How many writes were not on disk.</returns>
    public static int Copy(IReadOnlyList<SystemCall> calls, string from, string to, Unsynced unsynced, Random random)
    {
        Directory.CreateDirectory(to);
        int lost = 0;
        foreach (string file in Directory.GetFiles(from))
        {
            // Locks and shared memory are not data.
            if (Path.GetExtension(file) is not (".db" or ".db-wal"))
            {
                continue;
            }

            string copy = Path.Combine(to, Path.GetFileName(file));
            File.Copy(file, copy);
            lost += Cut(calls.Where(c => c.Path == file).ToArray(), copy, unsynced, random);
        }

        return lost;
    }

    private static int Cut(SystemCall[] calls, string file, Unsynced unsynced, Random random)
    {
        // A checkpoint sets the file's size to what it has. Anything that changes a file otherwise would have to be undone here.
        Assert.All(calls.Where(c => !c.IsSync && !c.IsWrite), c => Assert.True(c.Name == "ftruncate" && c.Size >= calls.Where(w => w.IsWrite && w.Entered < c.Entered).Max(w => w.Offset + w.Length), $"{c.Name} {c.Arguments}"));
        SystemCall[] syncs = [.. calls.Where(c => c.IsSync)];
        ILookup<bool, SystemCall> writes = calls.Where(c => c.IsWrite).ToLookup(w => syncs.Any(s => s.Covers(w)));
        long end = writes[true].Select(w => w.Offset + w.Length).DefaultIfEmpty(0).Max();
        using FileStream stream = File.Open(file, FileMode.Open);
        foreach (SystemCall write in writes[false])
        {
            // A write into the middle of what was synced replaces it, so losing it leaves no hole but something else.
            long kept = unsynced == Unsynced.Torn ? write.Length / 2 / Sector * Sector : 0;
            if (write.Offset < stream.Length && (unsynced != Unsynced.Lost || write.Offset < end))
            {
                byte[] other = new byte[Math.Min(write.Length, stream.Length - write.Offset) - kept];
                random.NextBytes(other);
                stream.Position = write.Offset + kept;
                stream.Write(other);
            }
        }

        if (unsynced == Unsynced.Lost && stream.Length > end)
        {
            stream.SetLength(end);
        }

        return writes[false].Count();
    }
}
