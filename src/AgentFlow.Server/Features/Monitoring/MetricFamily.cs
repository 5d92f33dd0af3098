using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace AgentFlow.Server.Features.Monitoring;

/// <summary>One instrument and its series.</summary>
internal sealed class MetricFamily
{
    // Whatever labels anybody thinks of: beyond this, all others are one series.
    private const int MaxSeries = 1000;
    private const string Overflow = "otel_metric_overflow=\"true\"";

    // The Agent Bridge's thresholds, 100 and 120 ms, are bounds: so a rule on a bucket is exact there.
    private static readonly double[] Seconds = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.075, 0.1, 0.12, 0.25, 0.5, 1, 2.5, 5, 10, 30];
    private static readonly double[] Ratios = [0.01, 0.02, 0.05, 0.1, 0.12, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10];
    private static readonly double[] Others = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000];

    // Labels that say the same of every series of this server.
    private static readonly string[] Dropped = ["network.protocol.version", "network.protocol.name", "url.scheme", "network.transport", "network.type", "server.address", "server.port"];

    private readonly ConcurrentDictionary<string, Series> _series = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Series>.AlternateLookup<ReadOnlySpan<char>> _byLabels;
    private readonly string _help;
    private readonly Kind _kind;
    private readonly double[] _bounds;

    public MetricFamily(Instrument instrument)
    {
        _byLabels = _series.GetAlternateLookup<ReadOnlySpan<char>>();
        Type type = instrument.GetType();
        string name = type.IsGenericType ? type.GetGenericTypeDefinition().Name : type.Name;
        _kind = name switch
        {
            "Counter`1" => Kind.Counter,
            "ObservableCounter`1" => Kind.ObservedCounter,
            "UpDownCounter`1" => Kind.UpDown,
            "Histogram`1" => Kind.Histogram,
            _ => Kind.Gauge,
        };
        Name = NameOf(instrument.Name, instrument.Unit, _kind is Kind.Counter or Kind.ObservedCounter);
        _help = (instrument.Description ?? instrument.Name).Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        _bounds = _kind != Kind.Histogram ? [] : instrument.Unit == "s" ? Seconds : instrument.Name.EndsWith("_ratio", StringComparison.Ordinal) ? Ratios : Others;
    }

    private enum Kind
    {
        Counter,

        /// <summary>Says its whole sum when it is asked.</summary>
        ObservedCounter,
        UpDown,
        Gauge,
        Histogram,
    }

    public string Name { get; }

    /// <summary>What is observed is told anew each time: what is not told is not there any more.</summary>
    public void BeginScrape()
    {
        if (_kind is Kind.Gauge or Kind.ObservedCounter)
        {
            _series.Clear();
        }
    }

    public void Add(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        Series series = Of(tags);
        lock (series)
        {
            switch (_kind)
            {
                case Kind.Counter or Kind.UpDown:
                    series.Sum += value;
                    break;
                case Kind.Histogram:
                    int bucket = Array.FindIndex(_bounds, b => value <= b);
                    series.Buckets![bucket < 0 ? _bounds.Length : bucket]++;
                    series.Sum += value;
                    break;
                default:
                    series.Sum = value;
                    break;
            }
        }
    }

    public void Write(StringBuilder text)
    {
        if (_series.IsEmpty)
        {
            return;
        }

        text.Append("# HELP ").Append(Name).Append(' ').Append(_help).Append('\n');
        text.Append("# TYPE ").Append(Name).Append(' ').Append(_kind switch { Kind.Counter or Kind.ObservedCounter => "counter", Kind.Histogram => "histogram", _ => "gauge" }).Append('\n');
        foreach ((string labels, Series series) in _series.OrderBy(s => s.Key, StringComparer.Ordinal))
        {
            lock (series)
            {
                if (_kind == Kind.Histogram)
                {
                    WriteHistogram(text, labels, series);
                }
                else
                {
                    Line(text, "", labels, PrometheusMetrics.Number(series.Sum));
                }
            }
        }
    }

    private void WriteHistogram(StringBuilder text, string labels, Series series)
    {
        long total = 0;
        string comma = labels.Length > 0 ? "," : "";
        for (int i = 0; i <= _bounds.Length; i++)
        {
            total += series.Buckets![i];
            Line(text, "_bucket", $"{labels}{comma}le=\"{(i < _bounds.Length ? PrometheusMetrics.Number(_bounds[i]) : "+Inf")}\"", total.ToString(CultureInfo.InvariantCulture));
        }

        Line(text, "_sum", labels, PrometheusMetrics.Number(series.Sum));
        Line(text, "_count", labels, total.ToString(CultureInfo.InvariantCulture));
    }

    private void Line(StringBuilder text, string suffix, string labels, string value)
    {
        text.Append(Name).Append(suffix);
        if (labels.Length > 0)
        {
            text.Append('{').Append(labels).Append('}');
        }

        text.Append(' ').Append(value).Append('\n');
    }

    private Series Of(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var labels = new Labels(stackalloc char[512]);
        foreach ((string name, object? value) in tags)
        {
            if (value is not null && !Dropped.Contains(name))
            {
                labels.Add(name, value);
            }
        }

        if (_byLabels.TryGetValue(labels.Text, out Series? known))
        {
            return known;
        }

        string key = _series.Count < MaxSeries ? labels.Text.ToString() : Overflow;
        return _series.GetOrAdd(key, static (_, buckets) => new Series { Buckets = buckets == 0 ? null : new long[buckets] }, _bounds.Length == 0 ? 0 : _bounds.Length + 1);
    }

    private static string NameOf(string name, string? unit, bool isCounter)
    {
        string clean = string.Concat(name.Select(static c => char.IsAsciiLetterOrDigit(c) || c == ':' ? c : '_'));
        string suffix = unit switch { "s" => "_seconds", "ms" => "_milliseconds", "By" => "_bytes", "%" => "_percent", _ => "" };
        clean += clean.EndsWith(suffix, StringComparison.Ordinal) ? "" : suffix;
        return isCounter && !clean.EndsWith("_total", StringComparison.Ordinal) ? clean + "_total" : clean;
    }

    private sealed class Series
    {
        public double Sum { get; set; }

        public long[]? Buckets { get; init; }
    }

    /// <summary>Labels as they are written, put together without garbage where they fit.</summary>
    private ref struct Labels(Span<char> buffer)
    {
        private Span<char> _buffer = buffer;
        private int _length;

        public readonly ReadOnlySpan<char> Text => _buffer[.._length];

        public void Add(string name, object value)
        {
            if (_length > 0)
            {
                Append(',');
            }

            foreach (char c in name)
            {
                Append(char.IsAsciiLetterOrDigit(c) ? c : '_');
            }

            Append('=');
            Append('"');
            Span<char> number = stackalloc char[40];
            if (value is ISpanFormattable formattable && formattable.TryFormat(number, out int length, default, CultureInfo.InvariantCulture))
            {
                Append(number[..length]);
            }
            else
            {
                Append(value is bool flag ? (flag ? "true" : "false") : Convert.ToString(value, CultureInfo.InvariantCulture) ?? "");
            }

            Append('"');
        }

        private void Append(scoped ReadOnlySpan<char> text)
        {
            foreach (char c in text)
            {
                switch (c)
                {
                    case '\\':
                        Append('\\');
                        Append('\\');
                        break;
                    case '"':
                        Append('\\');
                        Append('"');
                        break;
                    case '\n':
                        Append('\\');
                        Append('n');
                        break;
                    default:
                        Append(c);
                        break;
                }
            }
        }

        private void Append(char c)
        {
            if (_length == _buffer.Length)
            {
                char[] larger = new char[_buffer.Length * 2];
                _buffer.CopyTo(larger);
                _buffer = larger;
            }

            _buffer[_length++] = c;
        }
    }
}
