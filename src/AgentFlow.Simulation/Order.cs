using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Simulation;

/// <summary>A run that a user wants, under one idempotency key, until somebody says that it is accepted.</summary>
internal sealed class Order(string key, WorkflowDefinition definition)
{
    public string Key { get; } = key;

    public WorkflowDefinition Definition { get; } = definition;

    public Process? Process { get; private set; }

    public Task<StartOutcome>? Pending { get; private set; }

    /// <summary>The accepted run.</summary>
    public Ulid? Run { get; private set; }

    public int Signals { get; set; }

    /// <summary>Holds the run until it is answered: then the run is told to go on.</summary>
    public Letter? Pause { get; set; }

    public void Ask(Process process, Task<StartOutcome> pending)
    {
        Process = process;
        Pending = pending;
    }

    /// <summary>Nobody will answer any more.</summary>
    public void Forget()
    {
        Listen();
        Pending = null;
    }

    public void Listen()
    {
        if (Pending is { IsCompleted: true } answered)
        {
            Run = answered.IsCompletedSuccessfully ? answered.Result.Run : Run;
            Pending = null;
        }
        else if (Process is { IsDead: true })
        {
            Pending = null;
        }
    }
}

/// <summary>Something that a user sends to a run, again and again under one dedupe key, until somebody answers.</summary>
internal sealed class Letter(Ulid run, InboxKind kind, string dedupe, InboxContent content)
{
    private Task<SendOutcome>? _pending;
    private Process? _process;

    public Ulid Run { get; } = run;

    public InboxKind Kind { get; } = kind;

    public string Dedupe { get; } = dedupe;

    public SendOutcome? Answer { get; private set; }

    public bool IsUnanswered => Answer is null;

    public void Post(Process process)
    {
        _process = process;
        _pending = process.Host.SendAsync("sim", Run, Kind, Dedupe, content, CancellationToken.None);
    }

    /// <summary>Through another process, which writes it and then has it announced.</summary>
    public void PostElsewhere(SimulatedStore disk)
    {
        var item = new InboxAppend { Tenant = "sim", Run = Run, Kind = Kind, Dedupe = Dedupe, Data = content.Write() };
        var batch = new CommitBatch();
        batch.Inbox.Add(item);
        disk.Commit(owner: 0, isLive: true, batch);
        Answer = item.Outcome == CommitOutcome.Ignored && item.StatusBefore.IsTerminal() ? SendOutcome.RunEnded : SendOutcome.Accepted;
    }

    public void Forget() => _pending = null;

    public void Retry(Process current, bool calm)
    {
        if (_pending is { IsCompleted: true } answered)
        {
            Answer = answered.IsCompletedSuccessfully ? answered.Result : null;
            _pending = null;
        }
        else if (_pending is null || _process!.IsDead || (calm && _process != current))
        {
            Post(current);
        }
    }
}

/// <summary>A step that somebody far away does, and his answer.</summary>
internal sealed class RemoteWork(Ulid run, string dedupe, InboxContent answer)
{
    public Ulid Run { get; } = run;

    public string Dedupe { get; } = dedupe;

    public InboxContent Answer { get; } = answer;

    /// <summary>How many times users get their turn before the answer is sent.</summary>
    public int Rounds { get; set; }
}
