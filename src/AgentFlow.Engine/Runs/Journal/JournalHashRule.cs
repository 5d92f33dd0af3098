namespace AgentFlow.Engine.Runs.Journal;

/// <summary>How an event counts in a <see cref="JournalHash"/>, and why where it does not.</summary>
public enum JournalHashRule
{
    /// <summary>What a visit did: in the order of that visit, whatever others did meanwhile.</summary>
    OfVisit,

    /// <summary>What came to the run as a whole, or what it came to: in the order of the run.</summary>
    OfRun,

    /// <summary>A signal: in the order of those of its name, whatever else came meanwhile.</summary>
    OfSignal,

    /// <summary>A change of the plan: in the order of those in the same place.</summary>
    OfPlan,

    /// <summary>Left out: what is due when. What follows from it has events of its own, and how long it takes stands in the definition and the errors.</summary>
    Clock,

    /// <summary>Left out: an attempt begins, or changes hands. What came of it says that it was made; what was held back for it depends on what else was.</summary>
    Attempt,

    /// <summary>
    /// Left out, with the repetition that follows at once: a worker died, and attempts are lost. Which were under way then is chance; where one is not
    /// simply repeated, what follows counts.
    /// </summary>
    LostMemory,

    /// <summary>Left out: who waits for whom at what runs share. A run does the same, sooner or later.</summary>
    Shared,

    /// <summary>Left out: which runs are claimed first.</summary>
    Priority,
}

/// <summary>The rule of every event; a new event has none until it is given one here.</summary>
public static class JournalHashRules
{
    /// <exception cref="InvalidOperationException">Nobody has decided.</exception>
    public static JournalHashRule Of(EventTag tag) => tag switch
    {
        EventTag.NodeEntered or EventTag.NodeFinished or EventTag.NodeSkipped => JournalHashRule.OfVisit,
        EventTag.StepScheduled or EventTag.StepSucceeded or EventTag.StepFailed or EventTag.StepRejected or EventTag.StepDenied => JournalHashRule.OfVisit,
        EventTag.StepCancelled or EventTag.StepAnswered or EventTag.StepExpired or EventTag.StepAsked or EventTag.StepResolved => JournalHashRule.OfVisit,
        EventTag.RetryScheduled or EventTag.RemedyStarted => JournalHashRule.OfVisit,
        EventTag.Transitioned or EventTag.ItemsListed or EventTag.ScopeCancelling => JournalHashRule.OfVisit,
        EventTag.CompensationPlanned or EventTag.CompensationStarted => JournalHashRule.OfVisit,
        EventTag.ApprovalRequested or EventTag.ApprovalDecided or EventTag.StartHeld => JournalHashRule.OfVisit,
        EventTag.ChildStarted or EventTag.ChildCancelling or EventTag.SignalConsumed or EventTag.PlanRejected => JournalHashRule.OfVisit,
        EventTag.RunStarted or EventTag.RunRestricted or EventTag.RunStartsRestricted or EventTag.RunAdopted or EventTag.LoopsWatched => JournalHashRule.OfRun,
        EventTag.CancelRequested or EventTag.PauseRequested or EventTag.ResumeRequested or EventTag.PlanModified or EventTag.PlanRefused => JournalHashRule.OfRun,
        EventTag.RunCompleted or EventTag.RunFailed or EventTag.RunCancelled => JournalHashRule.OfRun,
        EventTag.SignalReceived => JournalHashRule.OfSignal,
        EventTag.PlanGrafted => JournalHashRule.OfPlan,
        EventTag.TimerSet or EventTag.TimerFired => JournalHashRule.Clock,
        EventTag.StepStarted or EventTag.StepHandedOver => JournalHashRule.Attempt,
        EventTag.RunRecovered or EventTag.StepUnknown => JournalHashRule.LostMemory,
        EventTag.PlaceRequested or EventTag.PlaceGranted or EventTag.PlaceLeft or EventTag.PlaceWanted or EventTag.StepHeld => JournalHashRule.Shared,
        EventTag.RunPrioritized => JournalHashRule.Priority,
        _ => throw new InvalidOperationException($"Nobody has decided how {tag} counts in a journal's hash."),
    };
}
