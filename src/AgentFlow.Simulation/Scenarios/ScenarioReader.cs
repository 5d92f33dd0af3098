using System.Globalization;
using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Agents;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Yaml;
using AgentFlow.Engine.HumanTasks;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Expressions.Cel;
using AgentFlow.Simulation.Rehearsals;

namespace AgentFlow.Simulation.Scenarios;

/// <summary>Reads one scenario from its YAML tree.</summary>
internal sealed class ScenarioReader(Findings findings, string path)
{
    private const int Format = 1;
    private const long NanoPerDollar = 1_000_000_000;
    private const int MaxOutcomes = 10_000;

    private static readonly (string Word, bool? Granted)[] Words = [("approve", true), ("deny", false), ("none", null)];

    private static readonly CelOptions CheckOptions = new() { KnownVariables = ["input", "output", "status", "outcome", "error", "steps", "run"] };

    /// <summary>Every name of something in the workflow, with its place.</summary>
    public List<(StubKind Kind, string Name, int Offset)> Names { get; } = [];

    /// <summary>Every registered agent that is named, with its place.</summary>
    public List<YamlScalar> Registered { get; } = [];

    /// <summary>Where <c>preflight</c> stands; <see langword="null"/>: nowhere.</summary>
    public int? Preflight { get; private set; }

    /// <returns>The scenario; meaningless when there are errors among the findings.</returns>
    public Scenario? Read(YamlNode root)
    {
        if (root is not YamlMapping mapping)
        {
            findings.Error(root, DiagnosticCodes.WrongType, $"Expected a scenario, found {root.Describe()}.", "Write keys: 'scenario: 1', 'input: …', 'expect: …'.");
            return null;
        }

        var fields = Fields.Of(mapping, mapping.Offset, ScenarioKeys.Scenario, findings);
        fields.Require("scenario", "The file", $"Add 'scenario: {Format}' as the first line.");
        if (fields.Integer("scenario", 1, 99) is { } format && format != Format)
        {
            findings.Error(fields["scenario"]!, DiagnosticCodes.UnsupportedLanguage, $"This version reads scenarios of format {Format}, not {format}.", $"Write 'scenario: {Format}', or use a newer version.");
        }

        var arrivals = new List<Arrival>();
        ReadSignals(fields, arrivals);
        ReadCancel(fields, arrivals);
        return new Scenario
        {
            Name = fields.Text("name")?.Text ?? Path.GetFileNameWithoutExtension(path),
            Description = fields.Text("description")?.Text ?? "",
            Workflow = fields.Text("workflow")?.Text,
            Start = ReadClock(fields),
            Seed = (ulong)(fields.Integer("seed", 0, int.MaxValue) ?? 1),
            Env = ReadEnv(fields),
            Input = fields["input"] is { } input ? Json(input) : Payload.EmptyObject,
            Stubs = ReadStubs(fields),
            Approvals = ReadApprovals(fields),
            Preflight = ReadPreflight(fields),
            Registered = ReadRegistered(fields),
            Arrivals = arrivals,
            Expect = ReadExpect(fields),
            Golden = fields.Text("golden")?.Text,
        };
    }

    private DateTimeOffset ReadClock(Fields fields)
    {
        if (fields.Text("clock") is not { } text)
        {
            return Scenario.DefaultStart;
        }

        if (DateTimeOffset.TryParseExact(text.Text, ["yyyy-MM-ddTHH:mm:ssK", "yyyy-MM-ddTHH:mm:ss.FFFK"], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out DateTimeOffset start) && start.Year is >= 1970 and < 9000)
        {
            return start;
        }

        findings.Error(text, DiagnosticCodes.OutOfRange, $"'{Excerpt.Of(text.Text)}' is no time.", "Write it as RFC 3339: 2026-01-05T09:00:00Z.");
        return Scenario.DefaultStart;
    }

    private Dictionary<string, string> ReadEnv(Fields fields)
    {
        var env = new Dictionary<string, string>(StringComparer.Ordinal);
        if (fields.Mapping("env", "'env: { REGION: eu }'") is { } mapping)
        {
            var values = Fields.OfAny(mapping, fields.Entry("env")!.Value.Key.Offset, findings);
            foreach (YamlEntry entry in mapping.Entries)
            {
                env[entry.Key.Text] = values.Text(entry.Key.Text)?.Text ?? "";
            }
        }

        return env;
    }

    private Dictionary<StubTarget, IReadOnlyList<StubbedOutcome>> ReadStubs(Fields fields)
    {
        var stubs = new Dictionary<StubTarget, IReadOnlyList<StubbedOutcome>>();
        if (fields.Mapping("stubs", "'stubs: { agents: { writer: { output: … } } }'") is not { } mapping)
        {
            return stubs;
        }

        var kinds = Fields.Of(mapping, fields.Entry("stubs")!.Value.Key.Offset, ScenarioKeys.Stubs, findings);
        foreach ((string key, StubKind kind) in new[] { ("steps", StubKind.Step), ("agents", StubKind.Agent), ("tools", StubKind.Tool) })
        {
            foreach (YamlEntry entry in kinds.Mapping(key, "'name: { output: … }'")?.Entries ?? [])
            {
                Names.Add((kind, entry.Key.Text, entry.Key.Offset));
                stubs[new StubTarget(kind, entry.Key.Text)] = ReadOutcomes(entry);
            }
        }

        return stubs;
    }

    private IReadOnlyList<StubbedOutcome> ReadOutcomes(YamlEntry entry) => ReadOneOrSeveral(entry, "outcomes", ReadOutcome);

    /// <summary>What comes once and stays, or a list of what comes one after the other.</summary>
    private IReadOnlyList<T> ReadOneOrSeveral<T>(YamlEntry entry, string what, Func<YamlNode, int, T?> read)
        where T : class
    {
        if (entry.Value is not YamlSequence list)
        {
            return read(entry.Value, entry.Key.Offset) is { } single ? [single] : [];
        }

        if (list.Items.Count is 0 or > MaxOutcomes)
        {
            findings.Error(list, DiagnosticCodes.EmptyList, $"'{Excerpt.Of(entry.Key.Text)}' has {list.Items.Count} {what}.", $"Give one to {MaxOutcomes}; the last one stays.");
        }

        return [.. list.Items.Take(MaxOutcomes).Select(item => read(item, item.Offset)).OfType<T>()];
    }

    private Dictionary<string, IReadOnlyList<Decision>> ReadApprovals(Fields fields)
    {
        var approvals = new Dictionary<string, IReadOnlyList<Decision>>(StringComparer.Ordinal);
        foreach (YamlEntry entry in fields.Mapping("approvals", "'approvals: { pay: approve }'")?.Entries ?? [])
        {
            Names.Add((StubKind.Step, entry.Key.Text, entry.Key.Offset));
            approvals[entry.Key.Text] = ReadOneOrSeveral(entry, "decisions", ReadDecision);
        }

        return approvals;
    }

    private Decision? ReadPreflight(Fields fields)
    {
        if (fields.Entry("preflight") is not { } entry)
        {
            return null;
        }

        Preflight = entry.Key.Offset;
        return ReadDecision(entry.Value, entry.Key.Offset);
    }

    /// <summary>A word (<c>approve</c>), or a mapping that says more.</summary>
    private Decision? ReadDecision(YamlNode node, int place)
    {
        if (node is YamlScalar word)
        {
            if (Words.FirstOrDefault(w => w.Word == word.Text) is { Word: not null } said)
            {
                return new Decision(said.Granted);
            }

            findings.Error(word, DiagnosticCodes.WrongType, $"'{Excerpt.Of(word.Text)}' is no decision.", "Write approve, deny or none, or { decision: approve, after: 2h, role: approver, reason: … }.");
            return null;
        }

        if (node is not YamlMapping mapping)
        {
            findings.Error(node, DiagnosticCodes.WrongType, $"Expected a decision, found {node.Describe()}.", "Write approve, deny or none, { decision: approve, after: 2h }, or a list of them.");
            return null;
        }

        var fields = Fields.Of(mapping, place, ScenarioKeys.Decision, findings);
        fields.Require("decision", "The approval", "Add 'decision: approve', 'decision: deny' or 'decision: none'.");
        bool? granted = fields.Word("decision", ("approve", 1), ("deny", 2), ("none", 3)) switch { 1 => true, 2 => false, _ => null };
        if (fields["decision"] is YamlScalar { Text: "none" })
        {
            foreach (string key in new[] { "after", "role", "user", "reason" })
            {
                fields.Refuse(key, "where nobody decides", "Remove it: the approval ends with its own 'timeout'.");
            }
        }

        if (fields.Entry("role") is { } role && fields.Has("user"))
        {
            findings.Error(role.Key, DiagnosticCodes.ConflictingKeys, "'role' and 'user' exclude each other.", "Keep one of them.");
        }

        return new Decision(granted)
        {
            After = fields.Duration("after", TimeSpan.Zero) ?? TimeSpan.Zero,
            By = new Assignee(fields.Text("role")?.Text, fields.Text("user")?.Text),
            Reason = fields.Text("reason")?.Text ?? "",
        };
    }

    private Dictionary<string, string> ReadRegistered(Fields fields)
    {
        var policies = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (YamlEntry entry in fields.Mapping("registered", "'registered: { finance: { requires_approval_above: 5 } }'")?.Entries ?? [])
        {
            Registered.Add(entry.Key);
            if (fields.AsMapping(entry.Value, "{ requires_approval: [payment.*] }") is { } mapping)
            {
                _ = Fields.Of(mapping, entry.Key.Offset, ScenarioKeys.Policy, findings);
                JsonElement policy = YamlJson.ToElement(mapping, findings);
                if (AgentPolicy.Read(policy, out string? problem) is null)
                {
                    findings.Error(entry.Key, DiagnosticCodes.WrongType, $"The policy of '{Excerpt.Of(entry.Key.Text)}' cannot be followed: {Excerpt.Line(problem!)}.", "Write it as 'definition.policy' of the agent has it in the registry.");
                }

                policies[entry.Key.Text] = policy.GetRawText();
            }
        }

        return policies;
    }

    private StubbedOutcome? ReadOutcome(YamlNode node, int place)
    {
        if (node is not YamlMapping mapping)
        {
            findings.Error(node, DiagnosticCodes.WrongType, $"Expected an outcome, found {node.Describe()}.", "Write { output: … }, { error: { code: … } } or { hangs: true }, or a list of them.");
            return null;
        }

        var fields = Fields.Of(mapping, place, ScenarioKeys.Outcome, findings);
        bool hangs = fields["hangs"] is { } flag && ReadTrue(flag, "hangs");
        int said = (fields.Has("output") ? 1 : 0) + (fields.Has("error") ? 1 : 0) + (hangs ? 1 : 0);
        if (said != 1 && !findings.IsFull)
        {
            findings.Error(place, said == 0 ? DiagnosticCodes.MissingKey : DiagnosticCodes.ConflictingKeys, said == 0 ? "The stub says nothing of what comes." : "The stub says several things at once.", "Give exactly one of 'output', 'error' and 'hangs: true'.");
        }

        Fields? tokens = fields.Mapping("tokens", "'tokens: { input: 900, output: 200 }'") is { } used ? Fields.Of(used, used.Offset, ScenarioKeys.Tokens, findings) : null;
        return new StubbedOutcome
        {
            Output = fields["output"] is { } output ? Json(output) : null,
            Error = ReadError(fields),
            After = fields.Duration("after", TimeSpan.Zero) ?? TimeSpan.Zero,
            Hangs = hangs,
            CostNanoDollars = (long)((fields.Number("cost", 0, 1_000_000) ?? 0) * NanoPerDollar),
            InputTokens = tokens?.Integer("input", 0, int.MaxValue) ?? 0,
            OutputTokens = tokens?.Integer("output", 0, int.MaxValue) ?? 0,
        };
    }

    private bool ReadTrue(YamlNode node, string key)
    {
        if (node is YamlScalar { Kind: ScalarKind.Boolean } scalar)
        {
            return CoreSchema.IsTrue(scalar.Text);
        }

        findings.Error(node, DiagnosticCodes.WrongType, $"Expected true or false, found {node.Describe()}.", $"Write '{key}: true'.");
        return false;
    }

    private StepError? ReadError(Fields outcome)
    {
        if (outcome.Mapping("error", "'error: { code: UPSTREAM_ERROR, category: transient }'") is not { } mapping)
        {
            return null;
        }

        var fields = Fields.Of(mapping, outcome.Entry("error")!.Value.Key.Offset, ScenarioKeys.Error, findings);
        fields.Require("code", "'error'", "Add the code that the tool gives, for example 'code: UPSTREAM_ERROR'.");
        ErrorCategory category = fields.Word("category", ("transient", ErrorCategory.Transient), ("resource", ErrorCategory.Resource), ("permanent", ErrorCategory.Permanent), ("validation", ErrorCategory.Validation), ("permission", ErrorCategory.Permission)) ?? ErrorCategory.Permanent;
        return new StepError(fields.Text("code")?.Text ?? "", category, fields.Text("message")?.Text ?? "The scenario wants it so.", fields.Duration("retry_after", TimeSpan.Zero));
    }

    private void ReadSignals(Fields fields, List<Arrival> arrivals)
    {
        foreach (YamlNode item in fields.Sequence("signals", "'signals: [{ name: approved, when: approval }]'")?.Items ?? [])
        {
            if (fields.AsMapping(item, "{ name: approved, when: approval }") is not { } mapping)
            {
                continue;
            }

            var signal = Fields.Of(mapping, mapping.Offset, ScenarioKeys.Signal, findings);
            signal.Require("name", "The signal", "Add its name, as the wait has it: 'name: approved'.");
            arrivals.Add(ReadArrival(signal, signal.Text("name")?.Text ?? "", signal["payload"] is { } payload ? Json(payload) : Payload.Null));
        }
    }

    private void ReadCancel(Fields fields, List<Arrival> arrivals)
    {
        if (fields.Mapping("cancel", "'cancel: { when: ship, after: 1s }'") is { } mapping)
        {
            arrivals.Add(ReadArrival(Fields.Of(mapping, fields.Entry("cancel")!.Value.Key.Offset, ScenarioKeys.Cancel, findings), null, Payload.Null));
        }
    }

    private Arrival ReadArrival(Fields fields, string? signal, Payload payload)
    {
        YamlScalar? when = fields.Text("when");
        if (when is not null)
        {
            Names.Add((StubKind.Step, when.Text, when.Offset));
        }
        else
        {
            fields.Refuse("visit", "without 'when'", "Name the step that is meant: 'when: approval'.");
        }

        return new Arrival(signal, payload, when?.Text, fields.Integer("visit", 1, 1_000_000) ?? 1, fields.Duration("after", TimeSpan.Zero) ?? TimeSpan.Zero);
    }

    private Expectation ReadExpect(Fields scenario)
    {
        scenario.Require("expect", "The scenario", "Add what has to come of it, for example 'expect: { outcome: answered }'.");
        if (scenario.Mapping("expect", "'expect: { outcome: answered }'") is not { } mapping)
        {
            return new Expectation();
        }

        var fields = Fields.Of(mapping, scenario.Entry("expect")!.Value.Key.Offset, ScenarioKeys.Expect, findings);
        Fields? duration = fields.Mapping("duration", "'duration: { at_most: 5m }'") is { } limits ? Fields.Of(limits, limits.Offset, ScenarioKeys.Duration, findings) : null;
        Fields? cost = fields.Mapping("cost", "'cost: { at_most: 0.05 }'") is { } most ? Fields.Of(most, most.Offset, ScenarioKeys.Cost, findings) : null;
        return new Expectation
        {
            Status = fields.Word("status", ("completed", RunStatus.Completed), ("failed", RunStatus.Failed), ("cancelled", RunStatus.Cancelled), ("waiting", RunStatus.Waiting)),
            Outcome = fields.Text("outcome")?.Text,
            Error = fields.Text("error")?.Text,
            Output = fields["output"] is { } output ? YamlJson.ToElement(output, findings) : null,
            Path = Steps(fields, "path"),
            Compensated = Steps(fields, "compensated"),
            Steps = ReadSteps(fields),
            Checks = ReadChecks(fields),
            AtLeast = duration?.Duration("at_least", TimeSpan.Zero),
            AtMost = duration?.Duration("at_most", TimeSpan.Zero),
            MaxCostNanoDollars = cost?.Number("at_most", 0, 1_000_000) is { } dollars ? (long)(dollars * NanoPerDollar) : null,
        };
    }

    /// <summary>A list of ids; a step may stand there several times.</summary>
    private string[]? Steps(Fields fields, string key)
    {
        if (fields.Sequence(key, $"'{key}: [research, write]'") is not { } list)
        {
            return null;
        }

        YamlScalar[] ids = [.. list.Items.Select(fields.AsText).OfType<YamlScalar>()];
        Names.AddRange(ids.Select(id => (StubKind.Step, id.Text, id.Offset)));
        return [.. ids.Select(id => id.Text)];
    }

    private Dictionary<string, StepExpectation> ReadSteps(Fields expect)
    {
        var steps = new Dictionary<string, StepExpectation>(StringComparer.Ordinal);
        foreach (YamlEntry entry in expect.Mapping("steps", "'steps: { write: { visits: 2 } }'")?.Entries ?? [])
        {
            Names.Add((StubKind.Step, entry.Key.Text, entry.Key.Offset));
            if (expect.AsMapping(entry.Value, "{ visits: 2 }") is { } mapping)
            {
                var fields = Fields.Of(mapping, entry.Key.Offset, ScenarioKeys.Step, findings);
                steps[entry.Key.Text] = new StepExpectation(
                    fields.Integer("visits", 0, 1_000_000),
                    fields.Integer("attempts", 0, 1_000_000),
                    fields.Word("status", ("succeeded", 0), ("failed", 1), ("cancelled", 2), ("skipped", 3), ("open", 4)) is { } status ? new[] { "succeeded", "failed", "cancelled", "skipped", "open" }[status] : null,
                    fields.Text("error")?.Text,
                    fields["input"] is { } input ? YamlJson.ToElement(input, findings) : null,
                    fields["output"] is { } output ? YamlJson.ToElement(output, findings) : null);
            }
        }

        return steps;
    }

    private List<CelExpression> ReadChecks(Fields expect)
    {
        var checks = new List<CelExpression>();
        foreach (YamlScalar text in (expect.Sequence("checks", "'checks: [\"output.score > 0.5\"]'")?.Items ?? []).Select(expect.AsText).OfType<YamlScalar>())
        {
            if (CelExpression.TryCompile(text.Text, CheckOptions, out CelExpression? check, out IReadOnlyList<CelError> errors))
            {
                checks.Add(check);
            }
            else
            {
                findings.Error(text, DiagnosticCodes.InvalidExpression, $"'{Excerpt.Of(text.Text)}' is no expression: {errors[0].Message}.", "Write CEL over input, output, status, outcome, error, steps and run.");
            }
        }

        return checks;
    }

    private Payload Json(YamlNode node) => new(Encoding.UTF8.GetBytes(YamlJson.ToElement(node, findings).GetRawText()));
}
