using AgentFlow.Engine.HumanTasks;

namespace AgentFlow.Simulation.Scenarios;

/// <summary>What becomes of an approval that a run asks for.</summary>
/// <param name="Granted"><see langword="null"/>: nobody decides, and its own time limit ends it.</param>
public sealed record Decision(bool? Granted)
{
    /// <summary>How long after the question.</summary>
    public TimeSpan After { get; init; }

    /// <summary>Who decides, by role or by name: the approval has to be theirs at that time. Default: whoever it is for.</summary>
    public Assignee By { get; init; } = Assignee.Anybody;

    public string Reason { get; init; } = "";

    /// <summary>Why it cannot be decided so; <see langword="null"/>: it can.</summary>
    internal string? Problem(HumanTask task)
    {
        HumanTask then = task.Age(task.CreatedAt + (long)After.TotalMilliseconds);
        // Who has a role is known nowhere here.
        bool isTheirs = then.To == Assignee.Anybody || (By.Role is not null ? By.Role == then.To.Role : By.User is null || then.To.User is null || By.User == then.To.User);
        return Granted is null || !then.IsOpen || isTheirs ? null : $"it is for {then.To} then";
    }

    /// <summary>The approval as it ends; <see langword="null"/>: it never does.</summary>
    internal HumanTask? End(HumanTask task)
    {
        long at = task.CreatedAt + (long)After.TotalMilliseconds;
        HumanTask then = task.Age(at);
        return Granted is { } granted && then.IsOpen && Problem(task) is null
            ? then.Complete(Engine.Approvals.ApprovalRequest.Answer(granted, Reason), Actor, "", at)
            : task.AgeToItsEnd();
    }

    private string Actor => By.User is { } user ? $"user:{user}" : By.Role is { } role ? $"role:{role}" : "scenario";
}
