using System.Text.Json;
using AgentFlow.Cli.Tests.Durability;
using AgentFlow.Cli.Tests.Support;

namespace AgentFlow.Cli.Tests.HumanTasks;

/// <summary><c>af tasks</c>, <c>af approvals</c> and <c>af schedules</c> against a server.</summary>
public sealed class TasksCommandTests : IAsyncLifetime
{
    private const string Workflow = """
        language: 1
        name: refund
        version: 1.0.0
        on: { cron: [{ name: nightly, schedule: "30 2 * * *" }] }
        planner: fsm
        initial_state: check
        final_states: [paid]
        states:
          check: { human: { title: Check it, form: { type: object, required: [ok], properties: { ok: { type: boolean } } }, assignee: { role: approver } }, on_success: pay }
          pay: { tool: skill.echo, approval: { role: approver, reason: It costs }, on_success: paid }
          paid: {}
        """;

    private readonly Af _af = new();
    private ServedAf _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await ServedAf.StartAsync(_af);
        _af.Environment["AF_SERVER"] = $"http://127.0.0.1:{_server.Port}";
        await _server.SaveAsync(Workflow);
    }

    public ValueTask DisposeAsync()
    {
        _server.Process.SendKill();
        _server.Dispose();
        _af.Dispose();
        return default;
    }

    private async Task<string> OnlyAsync(string command)
    {
        using var patience = new CancellationTokenSource(Af.Patience);
        while (true)
        {
            AfResult listed = await _af.RunAsync(command, "list", "-o", "json");
            Assert.True(listed.Code == 0, listed.Error);
            if (JsonElement.Parse(listed.Out) is { } found && found.GetArrayLength() > 0)
            {
                return found[0].GetProperty("id").GetString()!;
            }

            Assert.False(patience.IsCancellationRequested, $"af {command} list lists nothing");
        }
    }

    [Fact]
    public async Task Tasks_AreListedShownClaimedAndCompleted_AndTheApprovalIsGiven()
    {
        string run = await _server.ExecuteAsync("refund", isAsync: true);
        string task = await OnlyAsync("tasks");
        AfResult shown = await _af.RunAsync("tasks", "show", task);
        Assert.Contains("Check it", shown.Out, StringComparison.Ordinal);
        Assert.Contains("\"required\"", shown.Out, StringComparison.Ordinal);
        Assert.Contains("claimed", (await _af.RunAsync("tasks", "claim", task)).Out, StringComparison.Ordinal);
        AfResult unfit = await _af.RunAsync("tasks", "complete", task, "--answer", """{"ok":1}""");
        Assert.Contains("VALIDATION_FAILED", unfit.Error, StringComparison.Ordinal);
        Assert.NotEqual(0, unfit.Code);
        Assert.Contains("completed", (await _af.RunAsync("tasks", "complete", task, "--answer", """{"ok":true}""")).Out, StringComparison.Ordinal);
        AfResult again = await _af.RunAsync("tasks", "complete", task, "--answer", """{"ok":true}""");
        Assert.Contains("HUMAN_TASK_ENDED", again.Error, StringComparison.Ordinal);
        string approval = await OnlyAsync("approvals");
        Assert.Contains("granted", (await _af.RunAsync("approvals", "approve", approval, "--reason", "fine")).Out, StringComparison.Ordinal);
        await _server.BecomesAsync(run, "completed");
        Assert.Contains("nobody is waited for", (await _af.RunAsync("tasks", "list")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Schedules_AreListedPausedAndResumed()
    {
        Assert.Contains("refund.nightly", (await _af.RunAsync("schedules", "list")).Out, StringComparison.Ordinal);
        AfResult next = await _af.RunAsync("schedules", "next", "refund.nightly", "--times", "3");
        Assert.Equal(3, next.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Count(l => l.EndsWith("02:30 UTC", StringComparison.Ordinal)));
        Assert.Contains("is paused", (await _af.RunAsync("schedules", "pause", "refund.nightly")).Out, StringComparison.Ordinal);
        Assert.Contains("paused", (await _af.RunAsync("schedules", "list")).Out, StringComparison.Ordinal);
        Assert.Contains("fires next at", (await _af.RunAsync("schedules", "resume", "refund.nightly")).Out, StringComparison.Ordinal);
    }
}
