using System.Collections.Frozen;

namespace AgentFlow.Engine.Alerts;

/// <summary>How signals and levels are written, in the API, on the command line and in stores.</summary>
public static class AlertWords
{
    private static readonly FrozenDictionary<string, AlertSignal> Signals = new Dictionary<string, AlertSignal>(StringComparer.Ordinal)
    {
        ["latency_p50_ms"] = AlertSignal.LatencyP50,
        ["latency_p95_ms"] = AlertSignal.LatencyP95,
        ["latency_p99_ms"] = AlertSignal.LatencyP99,
        ["error_rate"] = AlertSignal.ErrorRate,
        ["agent_silence_seconds"] = AlertSignal.AgentSilence,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public static IReadOnlyList<string> AllSignals { get; } = [.. Signals.OrderBy(s => s.Value).Select(s => s.Key)];

    public static AlertSignal? Signal(string word) => Signals.TryGetValue(word, out AlertSignal signal) ? signal : null;

    public static string Word(this AlertSignal signal) => AllSignals[(int)signal];

    public static string Word(this AlertLevel level) => level switch { AlertLevel.Critical => "critical", AlertLevel.Warn => "warn", _ => "ok" };
}
