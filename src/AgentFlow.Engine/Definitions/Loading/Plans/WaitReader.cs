using AgentFlow.Engine.Definitions.Loading.Expressions;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Nodes.Control;

namespace AgentFlow.Engine.Definitions.Loading.Plans;

/// <summary>Reads <c>wait</c>, and <c>wait_for</c> with several waits at once.</summary>
internal sealed class WaitReader(PlanContext context)
{
    private const string Example = "'wait: { signal: approved, timeout: 1h }' or 'wait: { for: 10m }'";
    private const string ListExample = "'any: [{ signal: approved }, { for: 2h }]'";

    private static readonly string[] Ends = ["signal", "for", "until"];
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(1);

    private readonly Findings _findings = context.Findings;

    public PlanNode? Read(Fields fields, string id, StepScope place)
    {
        if (fields.Has("wait_for"))
        {
            return ReadSeveral(fields, id, place);
        }

        if (fields.Mapping("wait", Example) is not { } mapping)
        {
            return null;
        }

        var wait = Fields.Of(mapping, fields.Entry("wait")!.Value.Key.Offset, KeySet.Wait, _findings);
        TimeSpan? timeout = wait.Duration("timeout", Shortest);
        if (!wait.Has("signal"))
        {
            foreach (string time in new[] { "for", "until" }.Where(wait.Has))
            {
                wait.Refuse("timeout", $"with '{time}'", "Remove one of them.");
            }
        }

        return ReadOne(wait, id, place, timeout);
    }

    private WaitNode ReadOne(Fields wait, string id, StepScope place, TimeSpan? timeout)
    {
        YamlScalar? signal = wait.Name("signal", Names.Signal, Names.SignalRemedy);
        context.Signals.Read(wait, signal);
        TimeSpan? duration = wait.Duration("for", Shortest);
        string[] ends = [.. Ends.Where(wait.Has)];
        foreach (string further in ends.Skip(1))
        {
            _findings.Error(wait.Entry(further)!.Value.Key, DiagnosticCodes.ConflictingKeys, $"'{ends[0]}' and '{further}' exclude each other.", ends[0] == "signal" ? "To limit how long a signal is awaited, write 'timeout'." : "Keep one of them.");
        }

        if (ends.Length == 0)
        {
            wait.Require("signal", "'wait'", "Add 'signal: <name>', or 'for: 10m' or 'until: <timestamp>' to let time pass.");
        }

        return new WaitNode
        {
            Id = id,
            Signal = signal?.Text,
            For = duration ?? timeout,
            Until = wait["until"] is { } until ? context.Expressions.Condition(until, place) : null,
        };
    }

    private WaitForNode? ReadSeveral(Fields fields, string id, StepScope place)
    {
        if (fields.Mapping("wait_for", $"'wait_for: {{ {ListExample[1..^1]} }}'") is not { } mapping)
        {
            return null;
        }

        var several = Fields.Of(mapping, fields.Entry("wait_for")!.Value.Key.Offset, KeySet.WaitFor, _findings);
        TimeSpan? timeout = several.Duration("timeout", Shortest);
        if (several.Has("any") && several.Entry("all") is { } both)
        {
            _findings.Error(both.Key, DiagnosticCodes.ConflictingKeys, "'any' and 'all' exclude each other.", "Keep one of them.");
        }
        else if (!several.Has("all"))
        {
            several.Require("any", "'wait_for'", $"Add {ListExample}, or 'all' with such a list.");
        }

        string key = several.Has("any") ? "any" : "all";
        if (several.Sequence(key, $"a list: {ListExample}") is not { } list)
        {
            return null;
        }

        if (list.Items.Count == 0)
        {
            _findings.Error(list, DiagnosticCodes.EmptyList, $"'{key}' is empty.", "Add what is waited for.");
        }

        var ids = new HashSet<string>(StringComparer.Ordinal);
        var waits = new List<WaitNode>();
        foreach (YamlNode item in list.Items)
        {
            if (context.TryCount(item) && several.AsMapping(item, "'{ signal: approved }', '{ for: 2h }' or '{ until: … }'") is { } one)
            {
                var wait = Fields.Of(one, one.Offset, KeySet.Awaited, _findings);
                waits.Add(ReadOne(wait, IdOf(wait, ids), place, null));
            }
        }

        return waits.Count == 0 ? null : new WaitForNode(waits) { Id = id, All = key == "all", Timeout = timeout };
    }

    /// <summary>The id that is given, or the signal's name, or <c>timer</c>; numbered where that is taken.</summary>
    private string IdOf(Fields wait, HashSet<string> ids)
    {
        YamlScalar? given = wait.Name("id", Names.Step, Names.StepRemedy);
        string id = given?.Text ?? wait.Text("signal")?.Text ?? "timer";
        if (given is not null && ids.Contains(id))
        {
            _findings.Error(given, DiagnosticCodes.DuplicateId, $"There is '{Excerpt.Of(id)}' in this list already.", "Give this one another id.");
        }

        string free = id;
        for (int i = 2; !ids.Add(free); i++)
        {
            free = $"{id}_{i}";
        }

        return free;
    }
}
