using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.Runs;

/// <summary>Names that a step has for ever: functions of the run's id and the step's place in it, of nothing else.</summary>
public static class StepIdentity
{
    /// <summary>
    /// Names the intent: SHA-256 over run id, structural path with visits, and generation, cut to 128 bits, lower-case hex.
    /// Equal for every try of one intent.
    /// </summary>
    /// <param name="path">Structural path with visits, for example <c>review#2/fetch#1</c>.</param>
    public static string IdempotencyKey(Ulid run, string path, int generation)
    {
        Span<byte> hash = stackalloc byte[32];
        Hash(run, path, generation, hash);
        return Convert.ToHexStringLower(hash[..16]);
    }

    /// <summary>Seed of a step's jitter after the given attempt.</summary>
    internal static ulong Seed(RunState state, NodeRun step, int attempt)
    {
        Span<byte> hash = stackalloc byte[32];
        Hash(state.Id, step.Path, -1 - attempt, hash);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash);
    }

    internal static IntentKey IdempotencyKey(RunState state, NodeRun step)
    {
        int generation = step.Generation;
        Planted.Change(Bug.KeyPerAttempt, ref generation, step.Attempt);
        return new IntentKey(state.Id, step.Path, generation);
    }

    /// <summary>
    /// Id of the run that does a step: the time at which it was started, then 80 bits of the hash that names the intent. An intent
    /// has one child, because its run's journal has it started once.
    /// </summary>
    internal static Ulid Child(Ulid run, string path, int generation, long unixMilliseconds)
    {
        Span<byte> hash = stackalloc byte[32];
        Hash(run, path, generation, hash);
        return new Ulid(unixMilliseconds, BinaryPrimitives.ReadUInt16BigEndian(hash), BinaryPrimitives.ReadUInt64BigEndian(hash[2..]));
    }

    private static void Hash(Ulid run, string path, int number, Span<byte> hash)
    {
        int length = 20 + Encoding.UTF8.GetByteCount(path);
        Span<byte> text = length <= 512 ? stackalloc byte[length] : new byte[length];
        run.TryWriteBytes(text);
        BinaryPrimitives.WriteInt32BigEndian(text[16..], number);
        Encoding.UTF8.GetBytes(path, text[20..]);
        SHA256.HashData(text, hash);
    }
}
