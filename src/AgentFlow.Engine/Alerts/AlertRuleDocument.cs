using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentFlow.Engine.Alerts;

/// <summary>A rule as stores keep it. Members are only ever added, with a default that means what held before.</summary>
public sealed record AlertRuleDocument(string Signal, string Target)
{
    public double? Warn { get; init; }

    public double? Critical { get; init; }

    public double ForSeconds { get; init; }

    public double ClearAfterSeconds { get; init; }

    public int MinRequests { get; init; }

    public IReadOnlyList<string>? Notify { get; init; }

    public IReadOnlyList<string>? Escalate { get; init; }

    public double? EscalateAfterSeconds { get; init; }

    public bool Enabled { get; init; }

    public static string Write(AlertRule rule)
    {
        ArgumentNullException.ThrowIfNull(rule);
        return JsonSerializer.Serialize(
            new AlertRuleDocument(rule.Signal.Word(), rule.Target)
            {
                Warn = rule.Warn,
                Critical = rule.Critical,
                ForSeconds = rule.For.TotalSeconds,
                ClearAfterSeconds = rule.ClearAfter.TotalSeconds,
                MinRequests = rule.MinRequests,
                Notify = rule.Notify,
                Escalate = rule.Escalate,
                EscalateAfterSeconds = rule.EscalateAfter?.TotalSeconds,
                Enabled = rule.IsEnabled,
            },
            AlertJson.Default.AlertRuleDocument);
    }

    /// <exception cref="FormatException">It is no rule, or one of a newer build.</exception>
    public static AlertRule Read(string name, string document)
    {
        try
        {
            return JsonSerializer.Deserialize(document, AlertJson.Default.AlertRuleDocument) is { } read && AlertWords.Signal(read.Signal) is { } signal
                ? new AlertRule(name, signal)
                {
                    Target = read.Target,
                    Warn = read.Warn,
                    Critical = read.Critical,
                    For = TimeSpan.FromSeconds(read.ForSeconds),
                    ClearAfter = TimeSpan.FromSeconds(read.ClearAfterSeconds),
                    MinRequests = read.MinRequests,
                    Notify = read.Notify,
                    Escalate = read.Escalate,
                    EscalateAfter = read.EscalateAfterSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
                    IsEnabled = read.Enabled,
                }
                : throw new FormatException($"The alert rule '{name}' looks at something that this build does not know.");
        }
        catch (JsonException e)
        {
            throw new FormatException($"The alert rule '{name}' cannot be read: {e.Message}", e);
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AlertRuleDocument))]
internal sealed partial class AlertJson : JsonSerializerContext;
