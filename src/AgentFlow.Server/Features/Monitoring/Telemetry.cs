using AgentFlow.Server.Configuration;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace AgentFlow.Server.Features.Monitoring;

/// <summary>
/// Sends traces and metrics by OTLP where OpenTelemetry's own variables say so: <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> or those of one
/// signal begin it, and <c>OTEL_SERVICE_NAME</c>, <c>OTEL_RESOURCE_ATTRIBUTES</c>, <c>OTEL_EXPORTER_OTLP_*</c>,
/// <c>OTEL_TRACES_SAMPLER</c> and the rest mean what its specification says.
/// </summary>
internal sealed class Telemetry : IDisposable
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string ServiceName = "agentflow";

    private readonly TracerProvider? _traces;
    private readonly MeterProvider? _metrics;

    private Telemetry(TracerProvider? traces, MeterProvider? metrics) => (_traces, _metrics) = (traces, metrics);

    /// <returns><see langword="null"/> where nothing is sent.</returns>
    public static Telemetry? Begin(Settings settings)
    {
        bool isOff = string.Equals(settings["OTEL_SDK_DISABLED"], "true", StringComparison.OrdinalIgnoreCase);
        bool traces = !isOff && IsWanted(settings, "TRACES");
        bool metrics = !isOff && IsWanted(settings, "METRICS");
        if (!traces && !metrics)
        {
            return null;
        }

        // What is set here would win over the variables.
        bool isNamed = settings["OTEL_SERVICE_NAME"] is not null || settings["OTEL_RESOURCE_ATTRIBUTES"]?.Contains("service.name=", StringComparison.Ordinal) == true;
        Dictionary<string, object> name = !isNamed ? new(StringComparer.Ordinal) { ["service.name"] = ServiceName } : [];
        return new Telemetry(
            traces ? Sdk.CreateTracerProviderBuilder().ConfigureResource(r => r.AddAttributes(name)).AddSource("AgentFlow.*", "Microsoft.AspNetCore", "System.Net.Http").AddOtlpExporter().Build() : null,
            metrics ? Sdk.CreateMeterProviderBuilder().ConfigureResource(r => r.AddAttributes(name)).AddMeter("AgentFlow.*", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime").AddOtlpExporter().Build() : null);
    }

    public void Dispose()
    {
        _traces?.Dispose();
        _metrics?.Dispose();
    }

    private static bool IsWanted(Settings settings, string signal) =>
        (settings[Endpoint] ?? settings[$"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"]) is not null && settings[$"OTEL_{signal}_EXPORTER"] is null or "otlp";
}
