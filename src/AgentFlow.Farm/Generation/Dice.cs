using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace AgentFlow.Farm.Generation;

/// <summary>
/// The generator's only source of chance. Frozen: the same seed and stream give the same numbers on every machine and in
/// every version. It is xoshiro256** (Blackman and Vigna, 2018), whose state SplitMix64 (Steele, Lea and Flood, 2014) fills
/// from a key; the key is FNV-1a (64 bits) over the seed's eight bytes, little-endian, and the stream's name in UTF-8.
/// Every generated thing has a stream of its own, so that another number of agents does not change the workflows.
/// Not safe for concurrent use.
/// </summary>
public sealed class Dice
{
    private const ulong FnvOffset = 14695981039346656037;
    private const ulong FnvPrime = 1099511628211;
    private ulong _s0, _s1, _s2, _s3;

    /// <param name="stream">What the numbers are for, for example <c>scenario/3/graph</c>.</param>
    public Dice(long seed, string stream)
    {
        ulong key = Key(seed, stream);
        _s0 = SplitMix64(ref key);
        _s1 = SplitMix64(ref key);
        _s2 = SplitMix64(ref key);
        _s3 = SplitMix64(ref key);
    }

    /// <summary>Starts from a state, for comparison with the algorithm's published output.</summary>
    internal Dice(ulong s0, ulong s1, ulong s2, ulong s3) => (_s0, _s1, _s2, _s3) = (s0, s1, s2, s3);

    /// <summary>64 uniformly distributed bits.</summary>
    public ulong Next()
    {
        ulong result = BitOperations.RotateLeft(_s1 * 5, 7) * 9;
        ulong shifted = _s1 << 17;
        _s2 ^= _s0;
        _s3 ^= _s1;
        _s1 ^= _s2;
        _s0 ^= _s3;
        _s2 ^= shifted;
        _s3 = BitOperations.RotateLeft(_s3, 45);
        return result;
    }

    /// <summary>A uniformly distributed number from 0 to <paramref name="bound"/> − 1, without bias (Lemire, 2019).</summary>
    /// <param name="bound">From 1.</param>
    public int Below(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bound, 1);
        ulong range = (ulong)bound;
        ulong high = Math.BigMul(Next(), range, out ulong low);
        if (low < range)
        {
            ulong rejected = unchecked(0UL - range) % range;
            while (low < rejected)
            {
                high = Math.BigMul(Next(), range, out low);
            }
        }

        return (int)high;
    }

    /// <summary>A uniformly distributed number between two, both included.</summary>
    public int Between(int least, int most) => least + Below(most - least + 1);

    /// <summary>True with the given probability. Takes one number whatever it is, so that a higher rate adds to what a lower one hits.</summary>
    /// <param name="probability">0 to 1.</param>
    public bool Chance(double probability) => (Next() >> 11) < probability * (1UL << 53);

    public T Pick<T>(IReadOnlyList<T> items) => items[Below(items.Count)];

    /// <summary>An index, drawn with the weight that stands there.</summary>
    /// <param name="weights">0 or more each, not all 0.</param>
    public int Weighted(ReadOnlySpan<int> weights)
    {
        int total = 0;
        foreach (int weight in weights) total += weight;
        int at = Below(total);
        int index = 0;
        while (at >= weights[index]) at -= weights[index++];
        return index;
    }

    /// <summary>Orders the items anew, each order as likely as every other (Fisher and Yates).</summary>
    public void Shuffle<T>(IList<T> items)
    {
        for (int i = items.Count - 1; i > 0; i--)
        {
            int other = Below(i + 1);
            (items[i], items[other]) = (items[other], items[i]);
        }
    }

    /// <summary>Eight lower-case hexadecimal digits.</summary>
    public string Hex8() => ((uint)(Next() >> 32)).ToString("x8", CultureInfo.InvariantCulture);

    internal static ulong SplitMix64(ref ulong state)
    {
        ulong z = state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    private static ulong Key(long seed, string stream)
    {
        Span<byte> number = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(number, seed);
        ulong hash = FnvOffset;
        foreach (byte b in number) hash = (hash ^ b) * FnvPrime;
        foreach (byte b in Encoding.UTF8.GetBytes(stream)) hash = (hash ^ b) * FnvPrime;
        return hash;
    }
}
