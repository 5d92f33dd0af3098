using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Faults;
using AgentFlow.Engine.Ports;

namespace AgentFlow.Engine.HumanTasks;

/// <summary>Where the engine puts what people are to do, and takes it back.</summary>
public sealed class HumanTaskDesk(IHumanTaskStore tasks, UlidFactory ids, TimeProvider clock)
{
    /// <summary>Told of every change that came from the engine, once it is durable; must neither block nor throw.</summary>
    public Action<HumanTask>? Changed { get; set; }

    /// <summary>Puts a task where people find it. Its step and approval have one task, however often it is put.</summary>
    public async ValueTask<HumanTask> OpenAsync(string tenant, Ulid run, StepAddress address, string approval, string workflow, string step, HumanTaskOrder order, CancellationToken cancellationToken)
    {
        HumanTask wanted = HumanTask.Create(ids.Create(), tenant, run, address, approval, workflow, step, order, clock.GetUtcNow().ToUnixTimeMilliseconds());
        CrashPoint.Reach("task.opened.before");
        HumanTask stands = await tasks.AddAsync(wanted, cancellationToken).ConfigureAwait(false);
        CrashPoint.Reach("task.opened.after");
        if (stands.Id == wanted.Id)
        {
            Changed?.Invoke(stands);
        }

        return stands;
    }

    /// <summary>Takes back what is still open of a step that nobody waits for any more.</summary>
    public async ValueTask CloseAsync(string tenant, Ulid run, int step, CancellationToken cancellationToken)
    {
        foreach (HumanTask open in await tasks.OfStepAsync(tenant, run, step, cancellationToken).ConfigureAwait(false))
        {
            await ChangeAsync(open, t => t.Cancel(clock.GetUtcNow().ToUnixTimeMilliseconds()), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Changes a task as long as it is open, whoever changes it at the same time.</summary>
    /// <returns>The task as it is now; <see langword="null"/> when it had ended.</returns>
    public async ValueTask<HumanTask?> ChangeAsync(HumanTask task, Func<HumanTask, HumanTask> change, CancellationToken cancellationToken)
    {
        while (task.IsOpen)
        {
            HumanTask changed = change(task);
            if (ReferenceEquals(changed, task))
            {
                return task;
            }

            CrashPoint.Reach("task.changed.before");
            if (await tasks.ReplaceAsync(changed, cancellationToken).ConfigureAwait(false))
            {
                CrashPoint.Reach("task.changed.after");
                changed = changed with { Version = task.Version + 1 };
                Changed?.Invoke(changed);
                return changed;
            }

            task = await tasks.FindAsync(task.Tenant, task.Id, cancellationToken).ConfigureAwait(false) ?? throw new InvalidOperationException($"Task {task.Id} is gone.");
        }

        return null;
    }
}
