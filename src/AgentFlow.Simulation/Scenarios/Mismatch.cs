using System.Globalization;
using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Text;
using AgentFlow.Engine.Runs;
using AgentFlow.Expressions.Cel;
using AgentFlow.Simulation.Rehearsals;

namespace AgentFlow.Simulation.Scenarios;

/// <summary>Something that came out otherwise than a scenario expects.</summary>
/// <param name="What">For example <c>steps.write.visits</c> or <c>output.answer.score</c>.</param>
public sealed record Mismatch(string What, string Expected, string Actual)
{
    /// <summary>Everything in which a rehearsed run differs from what is expected of it.</summary>
    public static IReadOnlyList<Mismatch> Find(Expectation expected, RehearsalReport report, RunTrace trace)
    {
        var found = new List<Mismatch>();
        RunState state = report.State;
        if (report.Divergence is { } divergence)
        {
            found.Add(new Mismatch("replay", "the same decisions", divergence));
            return found;
        }

        // Something unexpected happened: the code says more than the status.
        string status = $"{Word(state.Status)}{(state.Error is { } error ? $" ({error.Code}: {error.Message})" : "")}{Waits(report)}";
        RunStatus wanted = expected.Status ?? (expected.Error is null ? RunStatus.Completed : RunStatus.Failed);
        bool isAsExpected = state.Status == wanted || (wanted == RunStatus.Waiting && !state.Status.IsTerminal());
        Compare(found, "status", Word(wanted), isAsExpected, status);
        Compare(found, "outcome", expected.Outcome, state.Outcome == expected.Outcome, state.Outcome ?? "none");
        Compare(found, "error", expected.Error, state.Error?.Code == expected.Error, state.Error?.Code ?? "none");
        if (expected.Output is { } output)
        {
            Compare(found, "output", output, Json(state.Output));
        }

        CompareLists(found, "path", expected.Path, trace.Path);
        CompareLists(found, "compensated", expected.Compensated, trace.Compensated);
        foreach ((string name, StepExpectation step) in expected.Steps)
        {
            Compare(found, name, step, trace.Find(name));
        }

        foreach (CelExpression check in expected.Checks)
        {
            CelValue value = check.Evaluate(Variables(report, trace));
            Compare(found, $"check {check.Source}", "true", value.IsTrue, value.IsError ? value.AsError().Message : Encoding.UTF8.GetString(value.ToJson()));
        }

        Compare(found, "duration", $"at least {Text(expected.AtLeast)}", expected.AtLeast is null || report.Took >= expected.AtLeast, Text(report.Took));
        Compare(found, "duration", $"at most {Text(expected.AtMost)}", expected.AtMost is null || report.Took <= expected.AtMost, Text(report.Took));
        Compare(found, "cost", $"at most {DollarText.Of(expected.MaxCostNanoDollars ?? 0)}", expected.MaxCostNanoDollars is not { } most || state.SpentNanoDollars <= most, DollarText.Of(state.SpentNanoDollars));
        return found;
    }

    /// <summary>The first line in which two traces differ, with the lines before it.</summary>
    public static Mismatch? InTrace(string golden, IReadOnlyList<string> expected, IReadOnlyList<string> actual)
    {
        int same = 0;
        while (same < expected.Count && same < actual.Count && expected[same] == actual[same])
        {
            same++;
        }

        return same == expected.Count && same == actual.Count ? null : new Mismatch($"{golden} line {same + 1}", At(expected), At(actual));

        string At(IReadOnlyList<string> lines) => same < lines.Count ? lines[same].Trim() : "the end";
    }

    private static void Compare(List<Mismatch> found, string what, string? expected, bool holds, string actual)
    {
        if (expected is not null && !holds)
        {
            found.Add(new Mismatch(what, expected, actual));
        }
    }

    private static void CompareLists(List<Mismatch> found, string what, IReadOnlyList<string>? expected, IReadOnlyList<string> actual)
    {
        if (expected is not null && !expected.SequenceEqual(actual, StringComparer.Ordinal))
        {
            found.Add(new Mismatch(what, List(expected), List(actual)));
        }

        static string List(IReadOnlyList<string> ids) => ids.Count == 0 ? "nothing" : string.Join(" → ", ids);
    }

    private static void Compare(List<Mismatch> found, string name, StepExpectation expected, StepTrace? actual)
    {
        actual ??= new StepTrace { Status = "never entered" };
        string place = $"steps.{name}";
        Compare(found, $"{place}.visits", Number(expected.Visits), expected.Visits == actual.Visits, Number(actual.Visits)!);
        Compare(found, $"{place}.attempts", Number(expected.Attempts), expected.Attempts == actual.Attempts, Number(actual.Attempts)!);
        Compare(found, $"{place}.status", expected.Status, expected.Status == actual.Status, actual.Status);
        Compare(found, $"{place}.error", expected.Error, expected.Error == actual.Error?.Code, actual.Error?.Code ?? "none");
        if (expected.Input is { } input)
        {
            Compare(found, $"{place}.input", input, Json(actual.Input));
        }

        if (expected.Output is { } output)
        {
            Compare(found, $"{place}.output", output, Json(actual.Output));
        }
    }

    /// <summary>Members that are expected have to be there and equal; lists have to have the same length.</summary>
    private static void Compare(List<Mismatch> found, string place, JsonElement expected, JsonElement actual)
    {
        if (expected.ValueKind == JsonValueKind.Object && actual.ValueKind == JsonValueKind.Object)
        {
            foreach (JsonProperty member in expected.EnumerateObject())
            {
                if (actual.TryGetProperty(member.Name, out JsonElement value))
                {
                    Compare(found, $"{place}.{member.Name}", member.Value, value);
                }
                else
                {
                    found.Add(new Mismatch($"{place}.{member.Name}", member.Value.GetRawText(), "missing"));
                }
            }
        }
        else if (expected.ValueKind == JsonValueKind.Array && actual.ValueKind == JsonValueKind.Array && expected.GetArrayLength() == actual.GetArrayLength())
        {
            for (int i = 0; i < expected.GetArrayLength(); i++)
            {
                Compare(found, $"{place}[{i}]", expected[i], actual[i]);
            }
        }
        else if (!IsSame(expected, actual))
        {
            found.Add(new Mismatch(place, expected.GetRawText(), actual.ValueKind == JsonValueKind.Undefined ? "missing" : actual.GetRawText()));
        }
    }

    private static bool IsSame(JsonElement expected, JsonElement actual) => (expected.ValueKind, actual.ValueKind) switch
    {
        (JsonValueKind.Number, JsonValueKind.Number) => expected.GetRawText() == actual.GetRawText() || expected.GetDouble().Equals(actual.GetDouble()),
        (_, JsonValueKind.Undefined) => false,
        _ => JsonElement.DeepEquals(expected, actual),
    };

    private static CelVariables Variables(RehearsalReport report, RunTrace trace)
    {
        RunState state = report.State;
        var steps = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach ((string path, StepTrace step) in trace.Steps)
        {
            string json = $$"""{"visits":{{step.Visits}},"attempts":{{step.Attempts}},"status":{{Quoted(step.Status)}},"error":{{Quoted(step.Error?.Code)}},"input":{{step.Input?.ToString() ?? "null"}},"output":{{step.Output?.ToString() ?? "null"}}}""";
            steps[path] = json;
            steps.TryAdd(path[(path.LastIndexOf('/') + 1)..], json);
        }

        return new CelVariables(new Dictionary<string, CelValue>(StringComparer.Ordinal)
        {
            ["input"] = state.Started!.Input.Value,
            ["output"] = (state.Output ?? Payload.Null).Value,
            ["status"] = Value(Quoted(Word(state.Status))),
            ["outcome"] = Value(Quoted(state.Outcome)),
            ["error"] = Value(Quoted(state.Error?.Code)),
            ["steps"] = Value($"{{{string.Join(',', steps.Select(s => $"{Quoted(s.Key)}:{s.Value}"))}}}"),
            ["run"] = Value(string.Create(CultureInfo.InvariantCulture, $$"""{"seconds":{{report.Took.TotalSeconds:0.0##}},"cost_dollars":{{state.SpentNanoDollars / 1e9:0.0########}},"signals":{{report.Journal.Count(e => e is Engine.Runs.Journal.SignalReceived)}}}""")),
        });
    }

    private static string Waits(RehearsalReport report) => report.State.Status.IsTerminal() || report.Open.Count == 0 ? "" : $" at {string.Join(", ", report.Open.Select(n => n.Path))}";

    private static CelValue Value(string json) => CelValue.FromJson(Encoding.UTF8.GetBytes(json));

    private static JsonElement Json(Payload? value) => value is null ? default : JsonElement.Parse(value.Utf8.Span);

    private static string Quoted(string? text) => text is null ? "null" : $"\"{JsonEncodedText.Encode(text)}\"";

    private static string Word(RunStatus status) => status.ToString().ToLowerInvariant();

    private static string? Number(int? number) => number?.ToString(CultureInfo.InvariantCulture);

    private static string Text(TimeSpan? time) => time is { } span ? span.ToString("c", CultureInfo.InvariantCulture) : "";
}
