using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Simulation;

/// <summary>The disk of the world: survives every process. Each process sees it through a session of its own.</summary>
internal sealed class SimulatedStore
{
    private readonly List<Row> _rows = [];
    private readonly Dictionary<string, Payload> _blobs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (Ulid Run, string Hash)> _idempotency = new(StringComparer.Ordinal);
    private readonly List<Held> _places = [];
    private readonly Stack<(Row Row, Letter Letter, RunStatus Before)> _deferred = [];
    private long _items;
    private long _placeNumbers;

    public IReadOnlyList<Row> Rows => _rows;

    public IReadOnlyList<Held> Places => _places;

    /// <summary>Places that were given.</summary>
    public long Given { get; private set; }

    public Row? Find(Ulid run) => _rows.Find(r => r.Id == run);

    public Payload? Blob(ReadOnlyMemory<byte> hash) => _blobs.GetValueOrDefault(Convert.ToHexString(hash.Span));

    /// <summary>Everything that a dead or fenced process owned can be claimed again.</summary>
    public void Release(int owner)
    {
        foreach (Row row in _rows.Where(r => r.Owner == owner && r.Status == RunStatus.Running))
        {
            row.Status = RunStatus.Queued;
            row.Owner = 0;
        }
    }

    /// <summary>Everything that was written is on disk.</summary>
    public void Flush() => _deferred.Clear();

    /// <summary>What was written and is not on disk never was.</summary>
    public void LosePower()
    {
        while (_deferred.TryPop(out (Row Row, Letter Letter, RunStatus Before) lost))
        {
            lost.Row.Inbox.Remove(lost.Letter);
            lost.Row.WakeSeq--;
            lost.Row.Status = lost.Before;
        }
    }

    /// <summary>One transaction.</summary>
    /// <param name="isLive">Whether the session still holds its lease.</param>
    public void Commit(int owner, bool isLive, CommitBatch batch)
    {
        foreach (RunAppend append in batch.Frames)
        {
            append.Outcome = isLive ? Append(owner, append, batch.Touched) : CommitOutcome.Fenced;
        }

        foreach (InboxAppend item in batch.Inbox)
        {
            item.Outcome = Enqueue(isLive ? owner : 0, item);
        }

        if (!batch.IsDeferred)
        {
            Flush();
        }
    }

    public List<ClaimedRun> Claim(int owner, int max)
    {
        List<Row> ready = [.. _rows.Where(r => r.Status == RunStatus.Queued).OrderBy(r => RunPriority.Rank(r.Id, r.Creation.Priority)).Take(max)];
        foreach (Row row in ready)
        {
            row.Status = RunStatus.Running;
            row.Owner = owner;
        }

        return [.. ready.Select(r => new ClaimedRun(r.Key, r.Id, r.Tenant, r.Creation.Workflow, r.Creation.Version, r.Creation.DefinitionHash))];
    }

    public RunHistory Load(long key)
    {
        Row row = _rows[(int)key - 1];
        return new RunHistory(
            row.Snapshot,
            [.. row.Frames.Where(f => f.FirstSeq >= (row.Snapshot?.Seq ?? 0))],
            [.. row.Inbox.Where(i => !i.Consumed).Select(i => i.Item)],
            row.WakeSeq);
    }

    public (int Fired, long? NextDue) FireTimers(long now, int max)
    {
        (Row Row, (long Due, int Node) Timer)[] due = [.. _rows.SelectMany(r => r.Timers.Select(t => (Row: r, Timer: t))).Where(t => t.Timer.Due <= now).OrderBy(t => t.Timer.Due).Take(max)];
        foreach ((Row row, (long, int) timer) in due)
        {
            row.Timers.Remove(timer);
            Wake(row);
            Flush();
        }

        long[] left = [.. _rows.SelectMany(r => r.Timers).Select(t => t.Due)];
        return (due.Length, left.Length == 0 ? null : left.Min());
    }

    private CommitOutcome Append(int owner, RunAppend append, List<Ulid> touched)
    {
        Row? row;
        if (append.Change is RowChange.Create or RowChange.CreateQueued)
        {
            if (append.Creation!.IdempotencyKey is { } key)
            {
                if (_idempotency.TryGetValue(key, out (Ulid, string) known))
                {
                    append.ExistingRun = known;
                    return CommitOutcome.Duplicate;
                }

                _idempotency[key] = (append.Run, append.Creation.RequestHash);
            }

            row = new Row(_rows.Count + 1, append.Run, append.Tenant, append.Creation)
            {
                Status = append.Change == RowChange.CreateQueued ? RunStatus.Queued : RunStatus.Running,
                Owner = append.Change == RowChange.CreateQueued ? 0 : owner,
            };
            _rows.Add(row);
            append.Key = row.Key;
        }
        else
        {
            row = _rows[(int)append.Key - 1];
            // What this ownership has parked it may park again: the answer to the first time was lost.
            bool held = row.Status == RunStatus.Running || (append is { Then: RowChange.Park, Frame.IsEmpty: true } && row.Status is RunStatus.Waiting or RunStatus.Paused);
            if (row.Owner != owner || !held || (!append.Frame.IsEmpty && row.Frames.Exists(f => f.FirstSeq == append.FirstSeq)))
            {
                return CommitOutcome.Fenced;
            }

            if ((append.Then == RowChange.End || append.Cross is { Withdraws: true }) && row.WakeSeq != append.WakeSeq)
            {
                return CommitOutcome.Woken;
            }
        }

        Write(row, append);
        if (append.Cross is { } cross)
        {
            Cross(row, cross, touched);
        }

        bool parks = append.Then == RowChange.Park;
        if (parks && row.WakeSeq != append.WakeSeq)
        {
            return CommitOutcome.CommittedAwake;
        }

        if (append.Then != RowChange.None)
        {
            row.Status = append.Status;
            row.Timers.Clear();
            row.Timers.AddRange(parks ? append.Timers : []);
        }

        return CommitOutcome.Committed;
    }

    private void Cross(Row row, CrossAppend cross, List<Ulid> touched)
    {
        foreach (RunAppend child in cross.Children)
        {
            child.Outcome = Append(0, child, touched);
            touched.Add(child.Run);
        }

        foreach (CrossItem item in cross.Items)
        {
            Put(item.Run, item.Kind, item.Dedupe, item.Data, touched);
        }

        cross.Returns.ForEach(r => _places.RemoveAll(p => p.Run == row.Id && p.Step == r.Step));
        cross.Requests.ForEach(r => _places.Add(new Held(++_placeNumbers, r.Kind, row.Tenant, r.Name, row.Id, r.Step, r.Size)));
        foreach ((SharedKind kind, string name) in cross.Returns.Select(r => (r.Kind, r.Name)).Concat(cross.Requests.Select(r => (r.Kind, r.Name))).Distinct().ToArray())
        {
            Settle(row.Tenant, kind, name, touched);
        }
    }

    private void Settle(string tenant, SharedKind kind, string name, List<Ulid> touched)
    {
        List<Held> named = [.. _places.Where(p => p.Tenant == tenant && p.Kind == kind && p.Name == name)];
        if (kind == SharedKind.Semaphore)
        {
            int held = named.Count(p => p.IsGiven);
            foreach (Held next in named.Where(p => !p.IsGiven).TakeWhile(p => held < p.Size))
            {
                next.IsGiven = true;
                held++;
                Give(next, next.Number, 1, touched);
            }

            return;
        }

        for (int parties = Parties(named); named.Count > 0 && named.Count >= parties; parties = Parties(named))
        {
            for (int i = 0; i < parties; i++)
            {
                Give(named[i], named[parties - 1].Number, i + 1, touched);
            }

            _places.RemoveAll(named[..parties].Contains);
            named.RemoveRange(0, parties);
        }
    }

    private static int Parties(List<Held> waiting) => waiting.Count == 0 ? 0 : waiting.Max(p => p.Size);

    private void Give(Held place, long round, int position, List<Ulid> touched)
    {
        Given++;
        Put(place.Run, InboxKind.Place, $"place:{place.Step}", new InboxContent { Node = place.Step, Round = round, Position = position }.Write(), touched);
    }

    private void Put(Ulid run, InboxKind kind, string dedupe, ReadOnlyMemory<byte> data, List<Ulid> touched)
    {
        if (Find(run) is { } row && !row.Status.IsTerminal() && row.Status != RunStatus.Diverged && !row.Inbox.Exists(i => i.Item.Dedupe == dedupe))
        {
            row.Inbox.Add(new Letter(new StoredItem(++_items, kind, dedupe, data)));
            row.WakeSeq++;
            Wake(row);
            touched.Add(run);
        }
    }

    private void Write(Row row, RunAppend append)
    {
        if (!append.Frame.IsEmpty)
        {
            row.Frames.Add(new StoredFrame(append.FirstSeq, append.Frame));
        }

        foreach (Payload blob in append.Blobs)
        {
            _blobs[Convert.ToHexString(blob.Hash.Span)] = blob;
        }

        foreach (long item in append.Consumed)
        {
            row.Inbox.Find(i => i.Item.Item == item)!.Consumed = true;
        }

        if (append.Snapshot is { } snapshot)
        {
            row.Snapshot = new StoredSnapshot(append.NextSeq, snapshot);
        }
    }

    /// <param name="owner">Who may take the run with it; 0: nobody.</param>
    private CommitOutcome Enqueue(int owner, InboxAppend item)
    {
        Row? row = Find(item.Run);
        if (row is null)
        {
            return CommitOutcome.Missing;
        }

        item.StatusBefore = row.Status;
        bool parked = row.Status is RunStatus.Waiting or RunStatus.Paused;
        bool ignored = row.Inbox.Exists(i => i.Item.Dedupe == item.Dedupe);
        bool owned = ignored && row.Status == RunStatus.Running && row.Owner == owner;
        item.Claimed = item.Claims && owner != 0 && ((parked && !ignored) || owned)
            ? new ClaimedRun(row.Key, row.Id, row.Tenant, row.Creation.Workflow, row.Creation.Version, row.Creation.DefinitionHash)
            : null;
        if (row.Status.IsTerminal() || row.Status == RunStatus.Diverged || ignored)
        {
            return CommitOutcome.Ignored;
        }

        item.Item = ++_items;
        var letter = new Letter(new StoredItem(item.Item, item.Kind, item.Dedupe, item.Data));
        row.Inbox.Add(letter);
        item.WakeSeq = ++row.WakeSeq;
        _deferred.Push((row, letter, row.Status == RunStatus.Running ? RunStatus.Queued : row.Status));
        if (item.Claimed is null)
        {
            Wake(row);
        }
        else
        {
            (row.Status, row.Owner) = (RunStatus.Running, owner);
        }

        return CommitOutcome.Committed;
    }

    private static void Wake(Row row)
    {
        if (row.Status is RunStatus.Waiting or RunStatus.Paused)
        {
            row.Status = RunStatus.Queued;
        }
    }

    internal sealed class Row(long key, Ulid id, string tenant, RunCreation creation)
    {
        public long Key { get; } = key;

        public Ulid Id { get; } = id;

        public string Tenant { get; } = tenant;

        public RunCreation Creation { get; } = creation;

        public RunStatus Status { get; set; }

        public string Reason { get; set; } = "";

        public int Owner { get; set; }

        public long WakeSeq { get; set; }

        public List<StoredFrame> Frames { get; } = [];

        public List<Letter> Inbox { get; } = [];

        public List<(long Due, int Node)> Timers { get; } = [];

        public StoredSnapshot? Snapshot { get; set; }
    }

    /// <summary>A place at something shared.</summary>
    internal sealed record Held(long Number, SharedKind Kind, string Tenant, string Name, Ulid Run, int Step, int Size)
    {
        public bool IsGiven { get; set; }
    }

    internal sealed class Letter(StoredItem item)
    {
        public StoredItem Item { get; } = item;

        public bool Consumed { get; set; }
    }
}
