using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Runs.Journal;

/// <summary>
/// The bytes of a frame: <c>version | engine | digest | base time | count | {tag, Δt, fields}* | crc32c</c>. Numbers are
/// LEB128 varints (signed ones zigzag), texts and JSON values UTF-8 behind their length; version and engine are one byte,
/// digest and crc four bytes little-endian. The digest is the CRC-32C of the decided events alone, so that a replay can
/// tell a changed decision from a damaged frame. Formats are append-only and held by golden files.
/// </summary>
public static class FrameCodec
{
    public const byte FormatVersion = 1;

    /// <summary>Bumped when decisions change for the same causes; a worker refuses frames of a newer engine.</summary>
    public const byte EngineVersion = 1;

    private const int HeaderLength = 6;

    /// <summary>Encodes events that follow each other in one run.</summary>
    /// <param name="blobs">Receives every payload that the frame names by hash instead of holding it; may repeat.</param>
    public static byte[] Encode(IReadOnlyList<JournalEvent> events, ICollection<Payload> blobs) => Encode(events, 0, events.Count, blobs);

    internal static byte[] Encode(IReadOnlyList<JournalEvent> events, int start, int count, ICollection<Payload> blobs)
    {
        var writer = new FrameWriter(blobs);
        try
        {
            writer.Byte(FormatVersion);
            writer.Byte(EngineVersion);
            writer.Fixed32(0);
            long time = events[start].At;
            writer.Unsigned((ulong)time);
            writer.Unsigned((ulong)count);
            uint digest = 0;
            for (int i = start; i < start + count; i++)
            {
                JournalEvent e = events[i];
                writer.Byte((byte)e.Tag);
                writer.Unsigned((ulong)(e.At - time));
                time = e.At;
                int fields = writer.Length;
                WriteFields(ref writer, e);
                if (!e.IsCause)
                {
                    digest = Crc(digest ^ (uint)e.Tag, writer.Written[fields..]);
                }
            }

            writer.Patch32(2, digest);
            writer.Fixed32(Crc(0, writer.Written));
            return writer.Written.ToArray();
        }
        finally
        {
            writer.Dispose();
        }
    }

    /// <summary>Decodes a stored frame of a run; the exception names both.</summary>
    /// <inheritdoc cref="Decode(ReadOnlyMemory{byte}, Func{ReadOnlyMemory{byte}, Payload?})"/>
    public static Frame Decode(Ulid run, StoredFrame stored, Func<ReadOnlyMemory<byte>, Payload?> blob)
    {
        try
        {
            return Decode(stored.Data, blob);
        }
        catch (FrameCorruptException e)
        {
            throw new FrameCorruptException(e.What, $"Frame {stored.FirstSeq} of run {run}");
        }
    }

    /// <summary>Decodes a frame.</summary>
    /// <param name="blob">Finds the payload that a hash names.</param>
    /// <exception cref="FrameCorruptException">The bytes are not what was written.</exception>
    public static Frame Decode(ReadOnlyMemory<byte> data, Func<ReadOnlyMemory<byte>, Payload?> blob)
    {
        Check(data.Span);
        uint digest = BinaryPrimitives.ReadUInt32LittleEndian(data.Span[2..]);
        var reader = new FrameReader(data[HeaderLength..^4], blob);
        long time = (long)reader.Unsigned();
        int count = reader.Count(3);
        var events = new JournalEvent[count];
        for (int i = 0; i < count; i++)
        {
            var tag = (EventTag)reader.Byte();
            time += (long)reader.Unsigned();
            events[i] = ReadFields(ref reader, tag) with { At = time };
        }

        if (!reader.AtEnd)
        {
            throw new FrameCorruptException("bytes follow the last event");
        }

        return new Frame(data.Span[1], digest, events);
    }

    /// <summary>The hashes of the blobs that a frame names, without decoding their content.</summary>
    /// <exception cref="FrameCorruptException">The bytes are not what was written.</exception>
    public static IReadOnlyList<ReadOnlyMemory<byte>> BlobsOf(ReadOnlyMemory<byte> data)
    {
        var hashes = new List<ReadOnlyMemory<byte>>();
        Decode(data, hash =>
        {
            hashes.Add(hash.ToArray());
            return Payload.Null;
        });
        return hashes;
    }

    private static void Check(ReadOnlySpan<byte> data)
    {
        if (data.Length < HeaderLength + 4)
        {
            throw new FrameCorruptException($"{data.Length} bytes are too few for a frame");
        }

        if (Crc(0, data[..^4]) != BinaryPrimitives.ReadUInt32LittleEndian(data[^4..]))
        {
            throw new FrameCorruptException("the checksum does not match");
        }

        if (data[0] != FormatVersion)
        {
            throw new FrameCorruptException($"format version {data[0]} is unknown to this build (it reads {FormatVersion})");
        }

        if (data[1] > EngineVersion)
        {
            throw new FrameCorruptException($"engine version {data[1]} is newer than this build's {EngineVersion}; upgrade the worker");
        }
    }

    internal static uint Crc(uint seed, ReadOnlySpan<byte> bytes)
    {
        uint crc = ~seed;
        while (bytes.Length >= 8)
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
        }

        foreach (byte b in bytes)
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return ~crc;
    }

    private static void WriteFields(ref FrameWriter w, JournalEvent journalEvent)
    {
        switch (journalEvent)
        {
            case RunStarted e:
                w.Text(e.Workflow);
                w.Text(e.Version);
                w.Hex(e.DefinitionHash);
                w.Hex(e.ToolsHash);
                w.Text(e.TraceId);
                w.Text(e.StartedBy);
                w.Payload(e.Input);
                w.Payload(e.Env);
                break;
            case NodeEntered e:
                w.Int(e.Id);
                w.Signed(e.Parent);
                w.Int(e.Node);
                w.Int(e.Visit);
                break;
            case StepScheduled e:
                w.Int(e.Id);
                w.Payload(e.Input);
                break;
            case StepStarted e:
                w.Int(e.Id);
                w.Int(e.Attempt);
                w.Unsigned((ulong)e.ReservedNanoDollars);
                w.Bool(e.OverBudget);
                break;
            case StepSucceeded e:
                w.Int(e.Id);
                w.Int(e.Attempt);
                w.Payload(e.Output);
                w.Unsigned((ulong)e.CostNanoDollars);
                w.Unsigned((ulong)e.InputTokens);
                w.Unsigned((ulong)e.OutputTokens);
                w.Text(e.Provider);
                break;
            case StepRejected e:
                w.Int(e.Id);
                w.Int(e.Attempt);
                w.Error(e.Error);
                w.Payload(e.Output);
                w.Unsigned((ulong)e.CostNanoDollars);
                break;
            case RemedyStarted e:
                w.Int(e.Id);
                w.Int(e.Remedy);
                break;
            case StepFailed e:
                w.Int(e.Id);
                w.Int(e.Attempt);
                w.Error(e.Error);
                w.Unsigned((ulong)e.CostNanoDollars);
                break;
            case StepDenied e:
                w.Int(e.Id);
                w.Error(e.Error);
                break;
            case StepCancelled e:
                w.Int(e.Id);
                w.Int(e.Attempt);
                break;
            case RetryScheduled e:
                w.Int(e.Id);
                w.Int(e.Generation);
                w.Unsigned((ulong)e.Due);
                break;
            case TimerSet e:
                w.Int(e.Id);
                w.Unsigned((ulong)e.Due);
                break;
            case TimerFired e:
                w.Int(e.Id);
                w.Unsigned((ulong)e.Due);
                break;
            case Transitioned e:
                w.Int(e.Machine);
                w.Int(e.To);
                w.Byte((byte)e.Rule);
                w.Signed(e.Condition);
                break;
            case NodeFinished e:
                w.Int(e.Id);
                w.Byte((byte)e.Status);
                w.Optional(e.Output);
                w.Optional(e.Error);
                break;
            case NodeSkipped e:
                w.Int(e.Parent);
                w.Int(e.Node);
                break;
            case ScopeCancelling e:
                w.Int(e.Id);
                w.Byte((byte)e.Status);
                w.Optional(e.Error);
                break;
            case SignalReceived e:
                w.Text(e.Name);
                w.Payload(e.Payload);
                w.Unsigned((ulong)e.Item);
                break;
            case SignalConsumed e:
                w.Int(e.Id);
                break;
            case CancelRequested e:
                w.Text(e.By);
                w.Text(e.Reason);
                break;
            case RunRecovered e:
                w.Text(e.Owner);
                break;
            case RunRestricted e:
                w.Authority(e.Authority);
                break;
            case RunStartsRestricted e:
                w.Starts(e.Starts);
                break;
            case StepUnknown e:
                w.Int(e.Id);
                w.Int(e.Attempt);
                break;
            case StepAsked e:
                w.Int(e.Id);
                break;
            case StepResolved e:
                w.Int(e.Id);
                w.Byte((byte)e.Resolution);
                w.Optional(e.Output);
                w.Text(e.By);
                break;
            case RunCompleted e:
                w.Text(e.Outcome);
                w.Payload(e.Output);
                break;
            case RunFailed e:
                w.Error(e.Error);
                break;
            case RunCancelled e:
                w.Text(e.Reason);
                break;
            case PauseRequested e:
                w.Text(e.By);
                break;
            case ResumeRequested e:
                w.Text(e.By);
                break;
            case StepHandedOver e:
                w.Int(e.Id);
                w.Int(e.Attempt);
                w.Unsigned((ulong)e.Due);
                break;
            case StepAnswered e:
                w.Int(e.Id);
                w.Int(e.Generation);
                w.Optional(e.Output);
                w.Optional(e.Error);
                w.Unsigned((ulong)e.CostNanoDollars);
                w.Text(e.By);
                break;
            case StepExpired e:
                w.Int(e.Id);
                w.Int(e.Attempt);
                w.Error(e.Error);
                break;
            case CompensationPlanned e:
                w.Int(e.Id);
                w.Optional(e.Input);
                w.Optional(e.Error);
                break;
            case CompensationStarted e:
                w.Int(e.Id);
                w.Byte((byte)e.Status);
                w.Optional(e.Error);
                break;
            case RunAdopted e:
                w.Id(e.Parent);
                w.Int(e.Step);
                w.Int(e.Generation);
                w.Int(e.Depth);
                w.Optional(e.BudgetNanoDollars);
                break;
            case RunPrioritized e:
                w.Signed(e.Priority);
                break;
            case ChildStarted e:
                w.Int(e.Id);
                w.Int(e.Attempt);
                w.Id(e.Child);
                w.Text(e.Workflow);
                w.Text(e.Version);
                w.Hex(e.DefinitionHash);
                w.Unsigned((ulong)e.ReservedNanoDollars);
                w.Unsigned((ulong)e.Due);
                break;
            case ChildCancelling e:
                w.Int(e.Id);
                w.Optional(e.Error);
                break;
            case PlaceRequested e:
                w.Int(e.Id);
                w.Byte((byte)e.Kind);
                w.Text(e.Name);
                w.Int(e.Size);
                break;
            case PlaceGranted e:
                w.Int(e.Id);
                w.Unsigned((ulong)e.Round);
                w.Int(e.Position);
                break;
            case PlaceLeft e:
                w.Int(e.Id);
                w.Byte((byte)e.Kind);
                w.Text(e.Name);
                w.Bool(e.Held);
                break;
            case PlanModified e:
                w.Text(e.Text);
                w.Signed(e.Revision);
                w.Text(e.Key);
                w.Text(e.By);
                w.Text(e.Reason);
                break;
            case PlanGrafted e:
                w.Signed(e.Node);
                w.Text(e.Text);
                break;
            case PlanRefused e:
                w.Error(e.Error);
                break;
            case StartHeld e:
                w.Int(e.Id);
                break;
            case LoopsWatched e:
                w.Int(e.Rule);
                break;
            case ApprovalRequested e:
                w.Int(e.Id);
                w.Text(e.Name);
                w.Payload(e.Order);
                break;
            case ApprovalDecided e:
                w.Int(e.Id);
                w.Text(e.Name);
                w.Bool(e.Granted);
                w.Text(e.By);
                w.Text(e.Reason);
                break;
            case StepHeld e:
                w.Int(e.Id);
                w.Unsigned((ulong)e.Due);
                w.Unsigned((ulong)e.WaitMs);
                w.Text(e.Rate);
                break;
            case PlaceWanted e:
                w.Int(e.Id);
                w.Text(e.Name);
                w.Int(e.Size);
                break;
            case ItemsListed e:
                w.Int(e.Id);
                w.Payload(e.Items);
                break;
            case PlanRejected e:
                w.Int(e.Id);
                w.Text(e.Problems);
                break;
            default:
                throw new InvalidOperationException($"{journalEvent.GetType().Name} has no encoding.");
        }
    }

    private static JournalEvent ReadFields(ref FrameReader r, EventTag tag) => tag switch
    {
        EventTag.RunStarted => new RunStarted(r.Text(), r.Text(), r.Hex(), r.Hex(), r.Text(), r.Text(), r.Payload(), r.Payload()),
        EventTag.NodeEntered => new NodeEntered(r.Int(), r.Signed(), r.Int(), r.Int()),
        EventTag.StepScheduled => new StepScheduled(r.Int(), r.Payload()),
        EventTag.StepStarted => new StepStarted(r.Int(), r.Int(), r.Long(), r.Bool()),
        EventTag.StepSucceeded => new StepSucceeded(r.Int(), r.Int(), r.Payload(), r.Long(), r.Long(), r.Long(), r.Text()),
        EventTag.StepFailed => new StepFailed(r.Int(), r.Int(), r.Error(), r.Long()),
        EventTag.StepDenied => new StepDenied(r.Int(), r.Error()),
        EventTag.StepCancelled => new StepCancelled(r.Int(), r.Int()),
        EventTag.RetryScheduled => new RetryScheduled(r.Int(), r.Int(), r.Long()),
        EventTag.TimerSet => new TimerSet(r.Int(), r.Long()),
        EventTag.TimerFired => new TimerFired(r.Int(), r.Long()),
        EventTag.Transitioned => new Transitioned(r.Int(), r.Int(), (TransitionRule)r.Byte(), r.Signed()),
        EventTag.NodeFinished => new NodeFinished(r.Int(), (NodeStatus)r.Byte(), r.OptionalPayload(), r.OptionalError()),
        EventTag.NodeSkipped => new NodeSkipped(r.Int(), r.Int()),
        EventTag.ScopeCancelling => new ScopeCancelling(r.Int(), (NodeStatus)r.Byte(), r.OptionalError()),
        EventTag.SignalReceived => new SignalReceived(r.Text(), r.Payload(), r.Long()),
        EventTag.SignalConsumed => new SignalConsumed(r.Int()),
        EventTag.CancelRequested => new CancelRequested(r.Text(), r.Text()),
        EventTag.RunRecovered => new RunRecovered(r.Text()),
        EventTag.RunRestricted => new RunRestricted(r.Authority()),
        EventTag.RunStartsRestricted => new RunStartsRestricted(r.Starts()),
        EventTag.StepUnknown => new StepUnknown(r.Int(), r.Int()),
        EventTag.StepAsked => new StepAsked(r.Int()),
        EventTag.StepResolved => new StepResolved(r.Int(), (StepResolution)r.Byte(), r.OptionalPayload(), r.Text()),
        EventTag.RunCompleted => new RunCompleted(r.Text(), r.Payload()),
        EventTag.RunFailed => new RunFailed(r.Error()),
        EventTag.RunCancelled => new RunCancelled(r.Text()),
        EventTag.PauseRequested => new PauseRequested(r.Text()),
        EventTag.ResumeRequested => new ResumeRequested(r.Text()),
        EventTag.StepHandedOver => new StepHandedOver(r.Int(), r.Int(), r.Long()),
        EventTag.StepAnswered => new StepAnswered(r.Int(), r.Int(), r.OptionalPayload(), r.OptionalError(), r.Long(), r.Text()),
        EventTag.StepExpired => new StepExpired(r.Int(), r.Int(), r.Error()),
        EventTag.CompensationPlanned => new CompensationPlanned(r.Int(), r.OptionalPayload(), r.OptionalError()),
        EventTag.CompensationStarted => new CompensationStarted(r.Int(), (NodeStatus)r.Byte(), r.OptionalError()),
        EventTag.RunAdopted => new RunAdopted(r.Id(), r.Int(), r.Int(), r.Int(), r.OptionalLong()),
        EventTag.RunPrioritized => new RunPrioritized(r.Signed()),
        EventTag.ChildStarted => new ChildStarted(r.Int(), r.Int(), r.Id(), r.Text(), r.Text(), r.Hex(), r.Long(), r.Long()),
        EventTag.ChildCancelling => new ChildCancelling(r.Int(), r.OptionalError()),
        EventTag.PlaceRequested => new PlaceRequested(r.Int(), (SharedKind)r.Byte(), r.Text(), r.Int()),
        EventTag.PlaceGranted => new PlaceGranted(r.Int(), r.Long(), r.Int()),
        EventTag.PlaceLeft => new PlaceLeft(r.Int(), (SharedKind)r.Byte(), r.Text(), r.Bool()),
        EventTag.PlanModified => new PlanModified(r.Text(), r.Signed(), r.Text(), r.Text(), r.Text()),
        EventTag.PlanGrafted => new PlanGrafted(r.Signed(), r.Text()),
        EventTag.PlanRefused => new PlanRefused(r.Error()),
        EventTag.StartHeld => new StartHeld(r.Int()),
        EventTag.LoopsWatched => new LoopsWatched(r.Int()),
        EventTag.ApprovalRequested => new ApprovalRequested(r.Int(), r.Text(), r.Payload()),
        EventTag.ApprovalDecided => new ApprovalDecided(r.Int(), r.Text(), r.Bool(), r.Text(), r.Text()),
        EventTag.ItemsListed => new ItemsListed(r.Int(), r.Payload()),
        EventTag.PlanRejected => new PlanRejected(r.Int(), r.Text()),
        EventTag.StepRejected => new StepRejected(r.Int(), r.Int(), r.Error(), r.Payload(), r.Long()),
        EventTag.RemedyStarted => new RemedyStarted(r.Int(), r.Int()),
        EventTag.StepHeld => new StepHeld(r.Int(), r.Long(), r.Long(), r.Text()),
        EventTag.PlaceWanted => new PlaceWanted(r.Int(), r.Text(), r.Int()),
        _ => throw new FrameCorruptException($"event tag {(byte)tag} is unknown to this build"),
    };
}

/// <summary>One decoded frame.</summary>
/// <param name="Digest">CRC-32C over the decided events.</param>
public sealed record Frame(byte Engine, uint Digest, IReadOnlyList<JournalEvent> Events);

/// <summary>A frame's bytes are damaged or of an unknown format.</summary>
/// <param name="what">What is wrong with them.</param>
/// <param name="which">Which frame of which run it is.</param>
public sealed class FrameCorruptException(string what, string which = "The frame") : Exception($"{which} cannot be read: {what}.")
{
    public const string Code = "FRAME_CORRUPT";

    internal string What => what;
}

internal ref struct FrameWriter(ICollection<Payload> blobs)
{
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(512);

    public int Length { get; private set; }

    public readonly ReadOnlySpan<byte> Written => _buffer.AsSpan(0, Length);

    public readonly void Dispose() => ArrayPool<byte>.Shared.Return(_buffer);

    public void Byte(byte value)
    {
        Reserve(1)[0] = value;
        Length++;
    }

    public void Bool(bool value) => Byte(value ? (byte)1 : (byte)0);

    public void Int(int value) => Unsigned((ulong)value);

    public void Signed(int value) => Unsigned((uint)((value << 1) ^ (value >> 31)));

    public void Unsigned(ulong value)
    {
        Span<byte> span = Reserve(10);
        int i = 0;
        for (; value >= 0x80; value >>= 7)
        {
            span[i++] = (byte)(value | 0x80);
        }

        span[i++] = (byte)value;
        Length += i;
    }

    public void Fixed32(uint value)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(Reserve(4), value);
        Length += 4;
    }

    public readonly void Patch32(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_buffer.AsSpan(offset), value);

    public void Text(string value)
    {
        Unsigned((ulong)Encoding.UTF8.GetByteCount(value));
        Length += Encoding.UTF8.GetBytes(value, Reserve(value.Length * 3));
    }

    public void Hex(string hex) => Bytes(Convert.FromHexString(hex));

    /// <summary>A ULID's 16 bytes.</summary>
    public void Id(Ulid id)
    {
        id.TryWriteBytes(Reserve(Ulid.ByteLength));
        Length += Ulid.ByteLength;
    }

    /// <summary>The grants, then whether there is a list of tools, then the list; both lists behind their counts.</summary>
    public void Authority(RunAuthority authority)
    {
        Texts(authority.Permissions.Names);
        Bool(authority.AllowedTools is not null);
        if (authority.AllowedTools is { } tools)
        {
            Texts(tools.Patterns);
        }
    }

    /// <summary>Behind their count, each: whether workflows are named, their patterns, and the most that a run may cost.</summary>
    public void Starts(StartLimits starts)
    {
        Int(starts.Roles.Count);
        foreach (RolePolicies start in starts.Roles)
        {
            Bool(start.Workflows is not null);
            if (start.Workflows is { } workflows)
            {
                Texts(workflows.Patterns);
            }

            Optional(start.MaxRunNanoDollars);
        }
    }

    /// <summary>An inline value is its length × 2; a blob is its length × 2 + 1 and its hash.</summary>
    public void Payload(Payload value)
    {
        if (value.IsBlob)
        {
            Unsigned(((ulong)value.Utf8.Length << 1) | 1);
            Raw(value.Hash.Span);
            blobs.Add(value);
        }
        else
        {
            Unsigned((ulong)value.Utf8.Length << 1);
            Raw(value.Utf8.Span);
        }
    }

    private void Texts(IReadOnlyList<string> texts)
    {
        Int(texts.Count);
        foreach (string text in texts)
        {
            Text(text);
        }
    }

    public void Optional(Payload? value)
    {
        Bool(value is not null);
        if (value is not null)
        {
            Payload(value);
        }
    }

    public void Optional(long? value)
    {
        Bool(value is not null);
        if (value is { } number)
        {
            Unsigned((ulong)number);
        }
    }

    public void Optional(StepError? value)
    {
        Bool(value is not null);
        if (value is not null)
        {
            Error(value);
        }
    }

    public void Error(StepError value)
    {
        Text(value.Code);
        Byte((byte)value.Category);
        Text(value.Message);
        Unsigned(value.RetryAfter is { } after ? (ulong)after.TotalMilliseconds + 1 : 0);
    }

    private void Bytes(ReadOnlySpan<byte> value)
    {
        Unsigned((ulong)value.Length);
        Raw(value);
    }

    /// <summary>The bytes alone, without their length.</summary>
    public void Raw(ReadOnlySpan<byte> value)
    {
        value.CopyTo(Reserve(value.Length));
        Length += value.Length;
    }

    private Span<byte> Reserve(int more)
    {
        if (Length + more > _buffer.Length)
        {
            byte[] grown = ArrayPool<byte>.Shared.Rent(Math.Max(_buffer.Length * 2, Length + more));
            Written.CopyTo(grown);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = grown;
        }

        return _buffer.AsSpan(Length);
    }
}

internal ref struct FrameReader(ReadOnlyMemory<byte> data, Func<ReadOnlyMemory<byte>, Payload?> blob)
{
    private int _position;

    public readonly bool AtEnd => _position == data.Length;

    public byte Byte() => Take(1).Span[0];

    public bool Bool() => Byte() switch
    {
        0 => false,
        1 => true,
        _ => throw new FrameCorruptException("a flag is neither 0 nor 1"),
    };

    public int Int()
    {
        ulong value = Unsigned();
        return value <= int.MaxValue ? (int)value : throw new FrameCorruptException("a number is out of range");
    }

    public long Long()
    {
        ulong value = Unsigned();
        return value <= long.MaxValue ? (long)value : throw new FrameCorruptException("a number is out of range");
    }

    public int Signed()
    {
        ulong value = Unsigned();
        return value <= uint.MaxValue ? (int)((uint)value >> 1) ^ -((int)value & 1) : throw new FrameCorruptException("a number is out of range");
    }

    /// <summary>A count of things that take at least <paramref name="leastBytes"/> each, so that a damaged one cannot ask for memory.</summary>
    public int Count(int leastBytes)
    {
        int count = Int();
        return (long)count * leastBytes <= data.Length - _position ? count : throw new FrameCorruptException("a count exceeds the frame");
    }

    public ulong Unsigned()
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte b = Byte();
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80)
            {
                return value;
            }
        }

        throw new FrameCorruptException("a number never ends");
    }

    public string Text() => Encoding.UTF8.GetString(Take(Int()).Span);

    public string Hex() => Convert.ToHexStringLower(Take(Int()).Span);

    public Ulid Id() => new(Take(Ulid.ByteLength).Span);

    public long? OptionalLong() => Bool() ? Long() : null;

    public RunAuthority Authority()
    {
        PermissionSet permissions = PermissionSet.Parse(Texts());
        return new RunAuthority(permissions, Bool() ? new NamePatterns(Texts()) : null);
    }

    public StartLimits Starts()
    {
        var roles = new RolePolicies[Count(2)];
        for (int i = 0; i < roles.Length; i++)
        {
            roles[i] = new RolePolicies { Workflows = Bool() ? new NamePatterns(Texts()) : null, MaxRunNanoDollars = OptionalLong() };
        }

        return new StartLimits(roles);
    }

    public Payload Payload()
    {
        ulong head = Unsigned();
        int length = head >> 1 <= int.MaxValue ? (int)(head >> 1) : throw new FrameCorruptException("a length is out of range");
        if ((head & 1) == 0)
        {
            return new Payload(Take(length));
        }

        ReadOnlyMemory<byte> hash = Take(32);
        return blob(hash) ?? throw new FrameCorruptException($"blob {Convert.ToHexStringLower(hash.Span)} is missing");
    }

    public Payload? OptionalPayload() => Bool() ? Payload() : null;

    public StepError? OptionalError() => Bool() ? Error() : null;

    public StepError Error()
    {
        string code = Text();
        var category = (ErrorCategory)Byte();
        string message = Text();
        ulong after = Unsigned();
        return new StepError(code, category, message, after == 0 ? null : TimeSpan.FromMilliseconds(after - 1));
    }

    private string[] Texts()
    {
        string[] texts = new string[Count(1)];
        for (int i = 0; i < texts.Length; i++)
        {
            texts[i] = Text();
        }

        return texts;
    }

    private ReadOnlyMemory<byte> Take(int count)
    {
        if (count > data.Length - _position)
        {
            throw new FrameCorruptException("it ends in the middle of an event");
        }

        ReadOnlyMemory<byte> taken = data.Slice(_position, count);
        _position += count;
        return taken;
    }
}
