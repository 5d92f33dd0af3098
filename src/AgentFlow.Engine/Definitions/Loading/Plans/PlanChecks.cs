using AgentFlow.Contracts.Tools;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Control;
using AgentFlow.Engine.Nodes.StateMachine;

namespace AgentFlow.Engine.Definitions.Loading.Plans;

/// <summary>What a plan as a whole is warned of: it works, and probably not as it was meant.</summary>
internal sealed class PlanChecks
{
    private readonly PlanContext _context;

    private PlanChecks(PlanContext context) => _context = context;

    public static void Run(PlanNode root, PlanContext context)
    {
        string limit = context.Policies.Deadline is null ? "the scope's 'timeout'" : "'policies.deadline'";
        var checks = new PlanChecks(context);
        checks.Check(root, context.Policies.Deadline ?? root.Timeout, limit);
        if (root is StateMachineNode machine)
        {
            checks.CheckHandlers(machine);
        }
    }

    /// <param name="limit">The shortest time that something around the node leaves it.</param>
    /// <param name="where">What sets it.</param>
    private void Check(PlanNode node, TimeSpan? limit, string where)
    {
        foreach (PlanNode child in node.Children)
        {
            if (child is CallNode call)
            {
                CheckTime(call, limit, where);
                if (_context.Bodies.PlaceOf(call) is { } fields)
                {
                    CheckRepetition(call, fields.Entry("tool") ?? fields.Entry("agent") ?? fields.Entry("capability"), fields, "Add 'on_unknown: ask' or 'fail'");
                    if (call.Compensation is { } compensation)
                    {
                        CheckRepetition(compensation, fields.Entry("compensate"), fields, "Set 'on_unknown: ask' or 'fail' in 'defaults'");
                    }
                }
            }
            else
            {
                bool isNarrower = child.Timeout is { } own && (limit is null || own < limit);
                Check(child, isNarrower ? child.Timeout : limit, isNarrower ? $"the 'timeout' of '{child.Id}'" : where);
            }
        }
    }

    /// <summary>
    /// A state that can fail in the ordinary course of things: it calls something outside, or waits for a limited time. Final
    /// states end the machine either way, and what is around a nested machine may handle its failure.
    /// </summary>
    private void CheckHandlers(StateMachineNode machine)
    {
        for (int i = 0; i < machine.Children.Count; i++)
        {
            PlanNode state = machine.Children[i];
            bool canFail = state is CallNode { Effects: Effects.External } || state is WaitNode { Signal: not null, For: not null };
            if (canFail && machine.Rules[i] is { IsFinal: false, OnError: null } && _context.Bodies.PlaceOf(state) is { } fields)
            {
                _context.Findings.Warning(
                    fields.Place, DiagnosticCodes.MissingOnError, $"When '{Excerpt.Of(state.Id)}' fails, the whole machine fails: it has no 'on_error'.",
                    "Add 'on_error: <state>', to where the run goes on then.");
            }
        }
    }

    /// <summary>
    /// A call with effects outside that is made again when nobody knows what came of it, of a tool that does not say that this does no
    /// harm. Where the tool says that it does harm, a retry of a failure that may have come too late is as bad.
    /// </summary>
    private void CheckRepetition(CallNode call, YamlEntry? entry, Fields fields, string remedy)
    {
        ToolContract contract = call.Tool.Contract;
        Idempotency idempotency = contract.Effects == Effects.None ? Idempotency.Natural : contract.Idempotency;
        bool isHarmful = idempotency == Idempotency.None;
        bool isUnknown = call.OnUnknown == OnUnknown.Retry;
        bool isTried = isHarmful && call.Retry.MaxAttempts > 1;
        if (call.Effects != Effects.External || idempotency is Idempotency.Key or Idempotency.Natural || !(isUnknown || isTried))
        {
            return;
        }

        string what = isHarmful ? "says that a repeated call happens twice" : "does not say that a call may be repeated";
        string once = isTried ? $"{(isUnknown ? $"{remedy}, and allow" : "Allow")} one attempt" : remedy;
        _context.Findings.Warning(
            entry?.Key.Offset ?? fields.Place, DiagnosticCodes.RepeatedEffects,
            $"'{call.Tool.CalledId}' {what}, and '{Excerpt.Of(call.Id)}' makes it again {(isUnknown ? "after a crash" : "after a failure")}.",
            call.Agent is { } agent && _context.Agents.GetValueOrDefault(agent)?.Definition is { Kind: "custom" or "remote" }
                ? $"{once}, or write 'idempotency: key' or 'natural' in the settings of '{Excerpt.Of(agent)}', where that is so."
                : $"{once}, or use a tool whose contract has 'idempotency: key' or 'natural'.");
    }

    private void CheckTime(CallNode call, TimeSpan? limit, string where)
    {
        if (limit is not { } most || _context.Bodies.PlaceOf(call) is not { } fields || (call.Retry.MaxAttempts == 1 && call.Timeout is null))
        {
            return;
        }

        TimeSpan longest = call.AttemptTimeout;
        TimeSpan delay = call.Retry.Initial;
        for (int attempt = 1; attempt < call.Retry.MaxAttempts && longest <= most; attempt++)
        {
            longest += (delay < call.Retry.Max ? delay : call.Retry.Max) + call.AttemptTimeout;
            delay = delay < call.Retry.Max ? delay * call.Retry.Factor : delay;
        }

        if (longest > most)
        {
            string attempts = call.Retry.MaxAttempts == 1 ? "one attempt" : $"{call.Retry.MaxAttempts} attempts";
            _context.Findings.Warning(
                (fields.Entry("retry") ?? fields.Entry("timeout"))?.Key.Offset ?? fields.Place, DiagnosticCodes.BeyondLimit,
                $"'{Excerpt.Of(call.Id)}' may take {attempts} of {DurationText.Of(call.AttemptTimeout)}, longer than {where} of {DurationText.Of(most)}.",
                "Shorten 'timeout', allow fewer attempts, or raise the limit.");
        }
    }
}
