using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace AgentFlow.Tools.BuiltIn.Http;

/// <summary>When to try again. The jitter is drawn from the call's key and attempt: the same call waits the same time.</summary>
internal sealed record RetryPlan(int MaxAttempts, TimeSpan Base, TimeSpan Max, double Jitter)
{
    public static RetryPlan Read(InputObject owner)
    {
        InputObject config = owner.Object("retry_config");
        config.Only("max_attempts", "base_ms", "max_ms", "jitter");
        // Steps have retries of their own: without a word, a second layer would only multiply them.
        int fallback = owner.Any("retry_config") is null ? 1 : 3;
        return new RetryPlan(
            config.Integer("max_attempts", 1, 10) ?? fallback,
            TimeSpan.FromMilliseconds(config.Integer("base_ms", 1, 60_000) ?? 200),
            TimeSpan.FromMilliseconds(config.Integer("max_ms", 1, 300_000) ?? 5_000),
            config.Number("jitter", 0, 1) ?? 0.2);
    }

    /// <summary>The wait after a failed attempt (1 for the first): doubled each time, shortened by up to the jitter's share.</summary>
    public TimeSpan DelayAfter(int attempt, string seed)
    {
        TimeSpan full = Base * Math.Pow(2, attempt - 1);
        return (full < Max ? full : Max) * (1 - (Jitter * Draw(seed, attempt)));
    }

    private static double Draw(string seed, int attempt)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{seed}#{attempt}"));
        // 53 bits: every value is a double of its own, and 1 is never reached.
        return (BinaryPrimitives.ReadUInt64BigEndian(hash) >> 11) * (1.0 / (1UL << 53));
    }
}
