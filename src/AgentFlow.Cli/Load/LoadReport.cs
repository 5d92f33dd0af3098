using System.Globalization;
using System.Text;
using AgentFlow.Client;

namespace AgentFlow.Cli.Load;

/// <summary>One call under load. Times in milliseconds from when a request should have begun.</summary>
internal sealed record CallResult(string Call, int Requests, int Errors, double ErrorRate, double P50Ms, double P95Ms, double P99Ms, double MaxMs, IReadOnlyList<FailureSample> Failures);

/// <param name="Reason">Status and code, or what broke.</param>
/// <param name="Sample">What the first such answer said.</param>
internal sealed record FailureSample(string Reason, int Count, string Sample);

/// <summary>What a load came to, for somebody who was not there.</summary>
/// <param name="Rate">Requests a second that were asked for.</param>
/// <param name="Throughput">Requests a second that were answered, from the first to the last.</param>
/// <param name="GeneratorCpu">Processor time of the generator in cores, over the measured time; likewise <paramref name="ServerCpu"/>, when it started the server.</param>
/// <param name="SchedulerLateMs">How late a request was handed over at most; it is part of that request's time.</param>
/// <param name="Alerts">Changes of alerts on the server meanwhile; <see langword="null"/> when it does not let them be read.</param>
internal sealed record LoadReport(
    string Target,
    DateTimeOffset StartedAt,
    double Rate,
    double Seconds,
    double WarmUpSeconds,
    int Agents,
    int Connections,
    CallResult All,
    IReadOnlyList<CallResult> Calls,
    double Throughput,
    double GeneratorCpu,
    double? ServerCpu,
    double SchedulerLateMs,
    IReadOnlyList<AlertEvent>? Alerts,
    double MaxP95Ms,
    double MaxErrorRate,
    bool Passed,
    string Machine)
{
    public string Markdown()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            # Load on the orchestrator: {(Passed ? "passed" : "failed")}

            {Rate:0.##} requests/s for {Seconds:0.#} s (after {WarmUpSeconds:0.#} s that are not counted) on {Target}, begun {StartedAt.UtcDateTime:yyyy-MM-dd HH:mm:ss} UTC. {Agents} agents take turns with register, heartbeat, callback and event; at most {Connections} requests under way. Times are from when a request should have begun.

            | call | requests | errors | error rate | p50 ms | p95 ms | p99 ms | max ms |
            | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |

            """);
        foreach (CallResult call in Calls.Append(All))
        {
            text.Append(CultureInfo.InvariantCulture, $"| {call.Call} | {call.Requests} | {call.Errors} | {call.ErrorRate:0.####%} | {call.P50Ms:0.00} | {call.P95Ms:0.00} | {call.P99Ms:0.00} | {call.MaxMs:0.00} |\n");
        }

        text.Append(CultureInfo.InvariantCulture, $"""

            | | |
            | --- | --- |
            | limits | p95 of each call at most {MaxP95Ms:0.##} ms, errors at most {MaxErrorRate:0.####%} |
            | throughput | {Throughput:0.0} requests/s |
            | generator | {GeneratorCpu:0.00} cores, at most {SchedulerLateMs:0.0} ms late |
            | server | {(ServerCpu is { } cores ? cores.ToString("0.00", CultureInfo.InvariantCulture) + " cores" : "not measured: it was there before")} |
            | machine | {Machine} |

            ## Alerts


            """);
        text.Append(Alerts switch
        {
            null => "The server does not let them be read.\n",
            [] => "None.\n",
            _ => string.Concat(Alerts.Select(a => string.Create(CultureInfo.InvariantCulture, $"- {a.At.UtcDateTime:HH:mm:ss} {a.Previous} → {a.Level}: {a.Rule} on {a.Resource} ({a.Value:0.####})\n"))),
        });
        text.Append("\n## Failures\n\n");
        text.Append(Calls.All(c => c.Failures.Count == 0) ? "None.\n" : string.Concat(Calls.SelectMany(c => c.Failures.Select(f => string.Create(CultureInfo.InvariantCulture, $"- {c.Call}: {f.Count} × {f.Reason}\n\n  ```\n  {f.Sample}\n  ```\n")))));
        return text.ToString();
    }
}
