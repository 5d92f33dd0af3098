using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace AgentFlow.Engine.Runs;

/// <summary>Names that a step has for ever: functions of the run's id and the step's place in it, of nothing else.</summary>
internal static class StepIdentity
{
    /// <summary>
    /// Names the intent: SHA-256 over run id, structural path with visits, and generation, cut to 128 bits, lower-case hex.
    /// Equal for every try of one intent.
    /// </summary>
    public static string IdempotencyKey(RunState state, NodeRun step)
    {
        Span<byte> hash = stackalloc byte[32];
        Hash(state, step, step.Generation, hash);
        return Convert.ToHexStringLower(hash[..16]);
    }

    /// <summary>Seed of a step's jitter after the given attempt.</summary>
    public static ulong Seed(RunState state, NodeRun step, int attempt)
    {
        Span<byte> hash = stackalloc byte[32];
        Hash(state, step, -1 - attempt, hash);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash);
    }

    private static void Hash(RunState state, NodeRun step, int number, Span<byte> hash)
    {
        string path = step.Path;
        int length = 20 + Encoding.UTF8.GetByteCount(path);
        Span<byte> text = length <= 512 ? stackalloc byte[length] : new byte[length];
        state.Id.TryWriteBytes(text);
        BinaryPrimitives.WriteInt32BigEndian(text[16..], number);
        Encoding.UTF8.GetBytes(path, text[20..]);
        SHA256.HashData(text, hash);
    }
}
