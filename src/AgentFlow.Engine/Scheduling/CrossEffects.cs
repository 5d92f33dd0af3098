using AgentFlow.Contracts.Errors;
using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;

namespace AgentFlow.Engine.Scheduling;

/// <summary>What the events of a frame mean for other runs and for what runs share.</summary>
internal static class CrossEffects
{
    /// <param name="state">The run's state after the events.</param>
    /// <param name="parent">Whose step the run is.</param>
    /// <param name="create">Makes the run of a child that was started.</param>
    /// <returns><see langword="null"/>, as for most frames: nothing.</returns>
    public static CrossAppend? Of(RunState state, IReadOnlyList<JournalEvent> events, RunAdopted? parent, Func<ChildStarted, RunAppend>? create)
    {
        CrossAppend? cross = null;
        foreach (JournalEvent journalEvent in events)
        {
            switch (journalEvent)
            {
                case ChildStarted e:
                    (cross ??= new CrossAppend()).Children.Add(create!(e));
                    break;
                // A child whose end is in this very frame has nothing left to stop.
                case ChildCancelling e when state.Open.GetValueOrDefault(e.Id)?.Child is { } child:
                    (cross ??= new CrossAppend()).Items.Add(Cancel(state, child));
                    break;
                case PlaceRequested e:
                    (cross ??= new CrossAppend()).Requests.Add(new PlaceRequest(e.Id, e.Kind, e.Name, e.Size));
                    break;
                case PlaceLeft e:
                    // A place that was asked for in this very frame is nobody's yet.
                    if ((cross ??= new CrossAppend()).Requests.RemoveAll(r => r.Step == e.Id) == 0)
                    {
                        cross.Returns.Add(new PlaceReturn(e.Id, e.Kind, e.Name, e.Held));
                    }

                    break;
            }
        }

        if (parent is not null && state.Status.IsTerminal())
        {
            (cross ??= new CrossAppend()).Items.Add(Answer(state, parent));
        }

        return cross is { IsEmpty: false } ? cross : null;
    }

    private static CrossItem Cancel(RunState state, Ulid child)
    {
        var content = new InboxContent { By = $"run:{state.Id}", Reason = $"The step of run {state.Id} that it does was given up." };
        return new CrossItem(child, InboxKind.Cancel, "parent", content.Write());
    }

    /// <summary>A run's end as the outcome of the step that it does.</summary>
    private static CrossItem Answer(RunState state, RunAdopted parent)
    {
        StepError? error = state.Status switch
        {
            RunStatus.Completed => null,
            RunStatus.Cancelled => new StepError("RUN_CANCELLED", ErrorCategory.Permanent, $"Run {state.Id} of '{state.Definition.Name}' was cancelled: {state.CancelReason}"),
            _ => state.Error,
        };
        return AnswerItem(parent.Parent, parent.Step, parent.Generation, state.Id, state.Output, error, state.SpentNanoDollars);
    }

    public static CrossItem AnswerItem(Ulid parent, int step, int generation, Ulid child, Payload? output, StepError? error, long cost)
    {
        var content = new InboxContent
        {
            Node = step,
            Generation = generation,
            Payload = error is null ? output : null,
            Error = error,
            CostNanoDollars = cost,
            By = $"run:{child}",
        };
        return new CrossItem(parent, InboxKind.Answer, $"child:{child}", content.Write());
    }
}
