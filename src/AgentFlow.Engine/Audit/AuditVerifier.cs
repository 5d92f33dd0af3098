using System.Text.Json;

namespace AgentFlow.Engine.Audit;

/// <summary>
/// Checks one tenant's chain against what was signed about it. Pure and streaming: give it the records in the order of their
/// numbers (<see cref="Add"/>), then ask for the report. Memory is bounded, whatever the length of the chain.
/// </summary>
public sealed class AuditVerifier
{
    public const int MaxFindings = 1000;

    /// <summary>Action of a record that says what the sequencer found wrong when it took the chain over.</summary>
    internal const string AlarmAction = "audit.alarm";

    // How far apart two records may have changed places and still be called reordered instead of edited.
    private const int Remembered = 65_536;

    private readonly string _tenant;
    private readonly bool _hasWitness;
    private readonly SortedDictionary<long, AuditCheckpoint> _signed = [];
    private readonly List<AuditFinding> _findings = [];
    private readonly Dictionary<AuditHash, long> _seen = [];
    private readonly Queue<AuditHash> _order = new();
    private readonly Dictionary<AuditHash, int> _wanted = [];
    private readonly long _first;
    private readonly long _lastSigned;
    private AuditHash? _prev;
    private long _next;
    private long _good;
    private long _faultAt = -1;
    private bool _faultBefore;
    private int _confirmed;
    private int _total;

    /// <param name="stored">The checkpoints in the database.</param>
    /// <param name="witnessed">The checkpoints outside it; <see langword="null"/> when there is no witness at all.</param>
    /// <param name="isSigned">Whether a trusted key signed a checkpoint.</param>
    public AuditVerifier(string tenant, IReadOnlyCollection<AuditCheckpoint> stored, IReadOnlyCollection<AuditCheckpoint>? witnessed, Func<AuditCheckpoint, bool> isSigned)
    {
        ArgumentNullException.ThrowIfNull(stored);
        _tenant = tenant;
        _hasWitness = witnessed is not null;
        List<AuditCheckpoint> inside = Trusted(stored, isSigned, "in the database");
        List<AuditCheckpoint> outside = Trusted((witnessed ?? []).Where(c => c.Tenant == tenant), isSigned, "of the witness");
        Compare(inside, outside);
        foreach (AuditCheckpoint checkpoint in inside.Concat(outside))
        {
            if (!_signed.TryAdd(checkpoint.Size, checkpoint) && _signed[checkpoint.Size].Hash != checkpoint.Hash)
            {
                Find(AuditFault.Fork, checkpoint.Size - 1, checkpoint.Size - 1, $"two signed statements disagree about the first {checkpoint.Size} records: the chain was continued twice from an earlier place");
            }
        }

        AuditCheckpoint? retired = inside.Concat(outside).Where(c => c.Kind == AuditCheckpointKind.Retired).MaxBy(c => c.Size);
        _first = _next = _good = retired?.Size ?? 0;
        _prev = retired?.Hash ?? default(AuditHash);
        _lastSigned = _signed.Count > 0 ? _signed.Keys.Last() : 0;
        _faultAt = -1;
    }

    /// <summary>The next record, by its number in the database.</summary>
    public void Add(AuditRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        long number = record.Number;
        if (number < _first)
        {
            // Exported and signed off as dropped; what is left of it was left by a crash.
            return;
        }

        if (number < _next)
        {
            Find(AuditFault.Fork, number, number, $"two records claim place {number}");
            return;
        }

        if (number > _next)
        {
            Find(AuditFault.Removed, _next, number - 1, number - _next == 1 ? $"record {_next} is missing" : $"records {_next} to {number - 1} are missing");
            _prev = _signed.TryGetValue(number, out AuditCheckpoint? before) ? before.Hash : null;
            _faultBefore = false;
        }

        bool whole = record.Note.Tenant == _tenant && AuditChain.IsWhole(record);
        if (!whole)
        {
            Find(AuditFault.Edited, number, number, $"record {number} ({record.Note.Action}) does not have the content that was chained");
        }
        else if (_prev is { } prev && prev != record.Prev && !_faultBefore)
        {
            Misplaced(record);
        }

        Remember(record.Hash, number);
        Alarm(record, whole);
        _faultBefore = !whole;
        _prev = record.Hash;
        _next = number + 1;
        Confirm(record.Hash);
    }

    public AuditReport Finish()
    {
        if (_lastSigned > _next)
        {
            AuditCheckpoint last = _signed[_lastSigned];
            Find(AuditFault.CutTail, _next, _lastSigned - 1, $"the chain ends after {_next} records; {_lastSigned} were signed on {Time(last.At)}");
        }

        if (!_hasWitness)
        {
            if (_next > 0 || _lastSigned > 0)
            {
                Find(AuditFault.MissingWitness, 0, Math.Max(_next, _lastSigned) - 1, "there is no witness file: nothing outside the database confirms where the chain ends");
            }
        }
        else if (_next > Math.Max(_lastSigned, _first))
        {
            long from = Math.Max(_lastSigned, _first);
            Find(AuditFault.Unsigned, from, _next - 1, $"records {from} to {_next - 1} are confirmed by nothing that was signed");
        }

        return new AuditReport(_tenant, _first, _next, _confirmed, [.. _findings.OrderBy(f => f.From)], _total);
    }

    private static string Time(long at) => DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(at, 0, 253_402_300_799_999)).ToString("yyyy-MM-dd HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture);

    private List<AuditCheckpoint> Trusted(IEnumerable<AuditCheckpoint> checkpoints, Func<AuditCheckpoint, bool> isSigned, string where)
    {
        var trusted = new List<AuditCheckpoint>();
        foreach (AuditCheckpoint checkpoint in checkpoints)
        {
            if (checkpoint.Tenant == _tenant && checkpoint.Size >= 0 && isSigned(checkpoint))
            {
                trusted.Add(checkpoint);
            }
            else
            {
                Find(AuditFault.Forged, checkpoint.Size - 1, checkpoint.Size - 1, $"the checkpoint {where} at {checkpoint.Size} records carries no valid signature of a trusted key (it names key '{checkpoint.Key}')");
            }
        }

        return trusted;
    }

    private void Compare(List<AuditCheckpoint> inside, List<AuditCheckpoint> outside)
    {
        HashSet<(AuditCheckpointKind, long, AuditHash)> stored = [.. inside.Select(Identity)];
        HashSet<(AuditCheckpointKind, long, AuditHash)> witnessed = [.. outside.Select(Identity)];
        foreach (AuditCheckpoint checkpoint in inside.Where(c => _hasWitness && !witnessed.Contains(Identity(c))))
        {
            Find(AuditFault.MissingWitness, checkpoint.Size - 1, checkpoint.Size - 1, $"the checkpoint at {checkpoint.Size} records is not in the witness");
        }

        foreach (AuditCheckpoint checkpoint in outside.Where(c => c.Kind != AuditCheckpointKind.Head && !stored.Contains(Identity(c))))
        {
            Find(AuditFault.CheckpointRemoved, checkpoint.Size - 1, checkpoint.Size - 1, $"the checkpoint at {checkpoint.Size} records was witnessed on {Time(checkpoint.At)} and is not in the database");
        }

        static (AuditCheckpointKind, long, AuditHash) Identity(AuditCheckpoint c) => (c.Kind, c.Size, c.Hash);
    }

    /// <summary>The record is whole, but was chained to another one than the one before it.</summary>
    private void Misplaced(AuditRecord record)
    {
        if (_seen.TryGetValue(record.Prev, out long after))
        {
            Find(AuditFault.Reordered, record.Number, record.Number, $"record {record.Number} was chained behind record {after}");
            return;
        }

        _wanted.TryAdd(record.Prev, _findings.Count < MaxFindings ? _findings.Count : -1);
        long before = Math.Max(record.Number - 1, _first);
        Find(AuditFault.Edited, before, record.Number, $"record {before} is not the one that record {record.Number} was chained to: it was replaced, or records between them were taken out");
    }

    private void Remember(AuditHash hash, long number)
    {
        if (_wanted.Remove(hash, out int finding) && finding >= 0)
        {
            AuditFinding found = _findings[finding];
            _findings[finding] = new AuditFinding(AuditFault.Reordered, found.To, found.To, $"record {found.To} was chained behind record {number}");
        }

        if (_seen.TryAdd(hash, number))
        {
            _order.Enqueue(hash);
            if (_order.Count > Remembered)
            {
                _seen.Remove(_order.Dequeue());
            }
        }
    }

    /// <summary>What the sequencer found when it took the chain over stays found.</summary>
    private void Alarm(AuditRecord record, bool whole)
    {
        if (whole && record.Note.Action == AlarmAction)
        {
            JsonElement details = JsonElement.Parse(record.Note.Details.Utf8.Span);
            if (details.TryGetProperty("fault", out JsonElement word) && AuditFinding.FaultOf(word.GetString()) is { } fault)
            {
                Find(fault, details.GetProperty("from").GetInt64(), details.GetProperty("to").GetInt64(), $"{details.GetProperty("message").GetString()} (said by record {record.Number})");
            }
        }
    }

    private void Confirm(AuditHash hash)
    {
        if (!_signed.TryGetValue(_next, out AuditCheckpoint? statement))
        {
            return;
        }

        if (statement.Hash == hash)
        {
            _good = _next;
            _confirmed++;
        }
        else if (_faultAt < _good)
        {
            // A fault that was found since the last true statement explains this one.
            Find(AuditFault.Rebuilt, _good, _next - 1, $"records {_good} to {_next - 1} agree with each other, but not with the statement that was signed on {Time(statement.At)}");
        }
    }

    private void Find(AuditFault fault, long from, long to, string message)
    {
        _faultAt = Math.Max(_faultAt, to);
        _total++;
        if (_findings.Count < MaxFindings)
        {
            _findings.Add(new AuditFinding(fault, Math.Max(from, 0), Math.Max(to, 0), message));
        }
    }
}
