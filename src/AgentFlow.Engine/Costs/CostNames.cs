using System.Globalization;
using AgentFlow.Engine.Nodes;

namespace AgentFlow.Engine.Costs;

/// <summary>What subjects and measures are called; they stand in stores and never change.</summary>
internal static class CostNames
{
    public const string InputTokens = "input_tokens";
    public const string OutputTokens = "output_tokens";

    /// <summary>Dollars of an attempt whose tokens have no price.</summary>
    public const string Dollars = "dollars";

    public const string Seconds = "seconds";
    public const string FailedSeconds = "failed_seconds";
    public const string FailedDollars = "failed_dollars";
    public const string Succeeded = "attempt:ok";
    public const string Again = "attempt:again";
    public const string GivenUp = "attempt:failed";
    /// <summary>A call that failed for good may have happened, and had to be undone with the rest.</summary>
    public const string LeftSomething = "left:1";
    public const string LeftNothing = "left:0";

    public const string Holds = "holds:1";
    public const string HoldsNot = "holds:0";
    public const string Runs = "runs:1";
    public const string RunsNot = "runs:0";
    public const string Won = "race:1";
    public const string Waited = "wait:ok";
    public const string WaitedInVain = "wait:failed";

    /// <summary>Seconds until a permit was given.</summary>
    public const string Queued = "queued_seconds";

    /// <summary>Of plans that a model made, each as a whole.</summary>
    public const string PlanTokens = "plan_tokens";
    public const string PlanDollars = "plan_dollars";
    public const string PlanSeconds = "plan_seconds";
    public const string PlanTaken = "plan:taken";
    public const string PlanRefused = "plan:refused";
    public const string PlanGood = "plan:ok";
    public const string PlanBad = "plan:failed";

    /// <summary>Rounds or items, where there were more than <see cref="MostTold"/>.</summary>
    public const string MoreRounds = "rounds:more";

    /// <summary>Numbers of rounds and items are counted one by one up to here.</summary>
    public const int MostTold = 64;

    /// <summary>Visits are told apart up to here: a loop's second round ends oftener than its first.</summary>
    private const int LastVisit = 4;

    public static string Step(string workflow, PlanNode node) => $"step:{workflow}/{Path(node)}";

    /// <summary>Whatever step calls it: an agent with the model behind it, or a tool.</summary>
    public static string Shared(string workflow, CallNode call) =>
        call.Agent is { } agent ? $"agent:{workflow}/{agent}/{call.Tool.Use?.Model ?? ""}" : $"tool:{call.Tool.CalledId}";

    /// <param name="target">Ordinal of the state; -1: the machine fails for want of one.</param>
    public static string Go(int visit, int target) => string.Create(CultureInfo.InvariantCulture, $"go:{Math.Min(visit, LastVisit)}:{target}");

    public static string Branch(int child) => string.Create(CultureInfo.InvariantCulture, $"branch:{child}");

    public static string Rounds(int rounds) => string.Create(CultureInfo.InvariantCulture, $"rounds:{rounds}");

    /// <param name="remedy">Which one of the step's.</param>
    public static string Remedied(int remedy) => string.Create(CultureInfo.InvariantCulture, $"remedy:{remedy}");

    private static string Path(PlanNode node) => node.Parent is null or { Parent: null } ? node.Id : $"{Path(node.Parent)}/{node.Id}";
}
