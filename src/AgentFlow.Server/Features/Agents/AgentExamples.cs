namespace AgentFlow.Server.Features.Agents;

/// <summary>Bodies that the API's description shows, and that work as they stand.</summary>
internal static class AgentExamples
{
    public const string Agent = """
        {
          "name": "backend-developer",
          "role": "backend",
          "capabilities": ["code.write", "code.review"],
          "permissions": { "allowed_tools": ["Read", "Edit"], "forbidden_paths": ["secrets/**"] },
          "budget": { "limits": { "tokens": 100000, "usd": 2.50 } },
          "metadata": { "category": "delivery", "specialist": "backend", "version": "1.0.0", "tags": ["api"] }
        }
        """;

    public const string Change = """{ "status": "idle", "budget": { "limits": { "tokens": 200000 } } }""";

    public const string Import = """{ "agents": [{ "name": "reviewer", "digest": "9f2c", "role": "reviewer", "category": "quality" }] }""";

    public const string Activate = """{ "task_id": "T-1042" }""";

    public const string Metric = """{ "agent_id": "3f2b8c1e-5d47-4a6f-9b0e-2c7d1a8e6f54", "metric_type": "execution_time", "value": 1250 }""";

    public const string Event = """
        {
          "agent_id": "3f2b8c1e-5d47-4a6f-9b0e-2c7d1a8e6f54",
          "role": "backend",
          "operation": "file.write",
          "decision": "requires_approval",
          "targets": ["src/billing.cs"]
        }
        """;
}

/// <param name="TaskId">What it starts; noted in the audit.</param>
public sealed record ActivateBodyNote(string? TaskId);
