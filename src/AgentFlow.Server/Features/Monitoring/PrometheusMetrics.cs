using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Monitoring;

/// <summary>
/// Listens to the process's meters and writes them in Prometheus' text format, version 0.0.4. Counters, gauges and histograms,
/// as the OpenTelemetry specification maps them (docs/decisions/0022).
/// </summary>
internal sealed class PrometheusMetrics : IDisposable
{
    private const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>Meters of the framework that are worth their series.</summary>
    private static readonly string[] Meters = ["Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime"];

    private readonly ConcurrentDictionary<Instrument, MetricFamily> _families = new();
    private readonly MeterListener _listener = new();
    private readonly Lock _scrapes = new();

    /// <param name="factory">Makes this server's meters: another server in the process has others of the same names.</param>
    public PrometheusMetrics(IMeterFactory factory)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            bool ours = instrument.Meter.Scope is null || ReferenceEquals(instrument.Meter.Scope, factory);
            if (ours && (instrument.Meter.Name.StartsWith("AgentFlow", StringComparison.Ordinal) || Meters.Contains(instrument.Meter.Name)))
            {
                listener.EnableMeasurementEvents(instrument, _families.GetOrAdd(instrument, static i => new MetricFamily(i)));
            }
        };
        Listen<byte>(static v => v);
        Listen<short>(static v => v);
        Listen<int>(static v => v);
        Listen<long>(static v => v);
        Listen<float>(static v => v);
        Listen<double>(static v => v);
        Listen<decimal>(static v => (double)v);
        _listener.Start();
    }

    public Task AnswerAsync(HttpContext context, CancellationToken cancellationToken)
    {
        new QueryReader(context).End();
        byte[] text = Encoding.UTF8.GetBytes(Write());
        context.Response.ContentType = ContentType;
        context.Response.ContentLength = text.Length;
        context.Response.BodyWriter.Write(text);
        return context.Response.BodyWriter.FlushAsync(cancellationToken).AsTask();
    }

    public string Write()
    {
        var text = new StringBuilder(16 * 1024);
        lock (_scrapes)
        {
            foreach (MetricFamily family in _families.Values)
            {
                family.BeginScrape();
            }

            _listener.RecordObservableInstruments();
            // Two meters may have instruments of one name; Prometheus takes a name once.
            foreach (IGrouping<string, MetricFamily> family in _families.Values.GroupBy(f => f.Name, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal))
            {
                family.First().Write(text);
            }
        }

        return text.ToString();
    }

    public void Dispose() => _listener.Dispose();

    private void Listen<T>(Func<T, double> number)
        where T : struct => _listener.SetMeasurementEventCallback<T>((_, value, tags, state) => ((MetricFamily)state!).Add(number(value), tags));

    /// <summary>A number as Prometheus reads it.</summary>
    internal static string Number(double value) => double.IsNaN(value) ? "NaN" : double.IsPositiveInfinity(value) ? "+Inf" : double.IsNegativeInfinity(value) ? "-Inf" : value.ToString("R", CultureInfo.InvariantCulture);
}
