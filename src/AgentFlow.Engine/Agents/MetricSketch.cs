using System.Buffers.Binary;

namespace AgentFlow.Engine.Agents;

/// <summary>
/// Values of which the percentiles will be asked, in little room. Few values are kept as they are; more are counted in bins whose
/// bounds grow by <see cref="Accuracy"/> in each direction, so that a percentile is at most that far from the value that has its
/// rank. Sketches of parts merge into the sketch of the whole, in any order. (Masson, Rim, Lee: DDSketch, VLDB 2019.)
/// </summary>
public sealed class MetricSketch
{
    /// <summary>Largest error of a percentile, relative to the value.</summary>
    public const double Accuracy = 0.01;

    /// <summary>Values up to which a stored sketch is exact.</summary>
    public const int StoredExactly = 64;

    /// <summary>Values up to which a sketch in memory is exact, when its parts were.</summary>
    public const int KeptExactly = 4096;

    private const byte ExactFormat = 1;
    private const byte BinnedFormat = 2;

    private const int FewestBins = 64;

    // Values nearer to zero count as zero.
    private const double Nothing = 1e-9;

    private static readonly double LogGrowth = Math.Log((1 + Accuracy) / (1 - Accuracy));

    // Bin of the smallest value that is not zero is 1.
    private static readonly int FirstBin = (int)Math.Ceiling(Math.Log(Nothing) / LogGrowth) - 1;

    private List<double>? _values = [];
    private long[] _bins = [];
    private int _lowest;

    public long Count { get; private set; }

    public double Sum { get; private set; }

    public double Least { get; private set; } = double.PositiveInfinity;

    public double Most { get; private set; } = double.NegativeInfinity;

    public void Add(double value)
    {
        Note(1, value, value, value);
        if (_values is { Count: < KeptExactly })
        {
            _values.Add(value);
            return;
        }

        Bin();
        Tally(BinOf(value), 1);
    }

    /// <summary>Adds the values of a stored sketch.</summary>
    /// <exception cref="FormatException">The bytes are no sketch.</exception>
    public void Add(long count, double sum, double least, double most, ReadOnlySpan<byte> stored)
    {
        Note(count, sum, least, most);
        if (stored is [ExactFormat, .. var exact] && exact.Length % sizeof(double) == 0)
        {
            for (; exact.Length > 0; exact = exact[sizeof(double)..])
            {
                double value = BinaryPrimitives.ReadDoubleLittleEndian(exact);
                if (_values is { Count: < KeptExactly })
                {
                    _values.Add(value);
                }
                else
                {
                    Bin();
                    Tally(BinOf(value), 1);
                }
            }
        }
        else if (stored is [BinnedFormat, .. var binned])
        {
            Bin();
            int bin = 0;
            while (binned.Length > 0)
            {
                bin += (int)Unfold(Take(ref binned));
                Tally(bin, (long)Take(ref binned));
            }
        }
        else
        {
            throw new FormatException("The bytes are no sketch.");
        }
    }

    /// <summary>The bytes to store; the other numbers are stored beside them.</summary>
    public byte[] ToBytes()
    {
        if (_values is { Count: <= StoredExactly } values)
        {
            byte[] exact = new byte[1 + (values.Count * sizeof(double))];
            exact[0] = ExactFormat;
            for (int i = 0; i < values.Count; i++)
            {
                BinaryPrimitives.WriteDoubleLittleEndian(exact.AsSpan(1 + (i * sizeof(double))), values[i]);
            }

            return exact;
        }

        Bin();
        var bytes = new List<byte>(256) { BinnedFormat };
        int before = 0;
        for (int i = 0; i < _bins.Length; i++)
        {
            if (_bins[i] > 0)
            {
                int bin = _lowest + i;
                Put(bytes, Fold(bin - before));
                Put(bytes, (ulong)_bins[i]);
                before = bin;
            }
        }

        return [.. bytes];
    }

    /// <exception cref="InvalidOperationException">There are no values.</exception>
    public MetricSummary Summarize()
    {
        if (Count == 0)
        {
            throw new InvalidOperationException("There are no values.");
        }

        _values?.Sort();
        return new MetricSummary(Count, Sum, Least, Most, At(0.5), At(0.95), At(0.99));
    }

    private double At(double share)
    {
        long rank = Math.Max(1, (long)Math.Ceiling(share * Count));
        if (_values is not null)
        {
            return _values[(int)rank - 1];
        }

        long below = 0;
        int i = 0;
        while (i < _bins.Length - 1 && below + _bins[i] < rank)
        {
            below += _bins[i++];
        }

        return Math.Clamp(ValueOf(_lowest + i), Least, Most);
    }

    private void Note(long count, double sum, double least, double most)
    {
        Count += count;
        Sum += sum;
        Least = Math.Min(Least, least);
        Most = Math.Max(Most, most);
    }

    /// <summary>Leaves exactness.</summary>
    private void Bin()
    {
        if (_values is { } values)
        {
            _values = null;
            values.ForEach(v => Tally(BinOf(v), 1));
        }
    }

    private void Tally(int bin, long count)
    {
        if (_bins.Length == 0)
        {
            (_bins, _lowest) = (new long[FewestBins], bin);
        }

        if (bin < _lowest || bin >= _lowest + _bins.Length)
        {
            int lowest = Math.Min(_lowest, bin), highest = Math.Max(_lowest + _bins.Length - 1, bin);
            int room = Math.Max(highest - lowest + 1, 2 * _bins.Length);
            int start = bin < _lowest ? highest - room + 1 : lowest;
            long[] wider = new long[room];
            _bins.CopyTo(wider.AsSpan(_lowest - start));
            (_bins, _lowest) = (wider, start);
        }

        _bins[bin - _lowest] += count;
    }

    private static int BinOf(double value) => Math.Abs(value) < Nothing ? 0 : Math.Sign(value) * ((int)Math.Ceiling(Math.Log(Math.Abs(value)) / LogGrowth) - FirstBin);

    private static double ValueOf(int bin) => bin == 0 ? 0 : Math.Sign(bin) * Math.Exp((Math.Abs(bin) + FirstBin) * LogGrowth) * (1 - Accuracy);

    private static ulong Fold(int value) => (ulong)(uint)((value << 1) ^ (value >> 31));

    private static int Unfold(ulong value) => (int)(value >> 1) ^ -(int)(value & 1);

    private static void Put(List<byte> bytes, ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        bytes.Add((byte)value);
    }

    private static ulong Take(ref ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            if (bytes.IsEmpty)
            {
                break;
            }

            byte next = bytes[0];
            bytes = bytes[1..];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw new FormatException("The bytes are no sketch.");
    }
}
