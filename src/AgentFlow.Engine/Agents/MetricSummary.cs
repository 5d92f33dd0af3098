namespace AgentFlow.Engine.Agents;

/// <summary>What many values come to. A percentile is the value at its rank, counted from below (nearest rank).</summary>
public readonly record struct MetricSummary(long Count, double Sum, double Least, double Most, double P50, double P95, double P99)
{
    public double Mean => Sum / Count;
}
