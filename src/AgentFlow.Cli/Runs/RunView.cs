using System.Globalization;
using System.Text.Json;
using AgentFlow.Cli.Execution;
using AgentFlow.Cli.Terminals;
using AgentFlow.Client;

namespace AgentFlow.Cli.Runs;

/// <summary>Runs and their events, for readers and for programs.</summary>
internal static class RunView
{
    private const int FieldLength = 60;

    /// <summary>Members that a line shows elsewhere, or that only programs want.</summary>
    private static readonly string[] LeftOut = ["seq", "at", "type", "cause", "node", "id", "definition_hash", "tools_hash"];

    public static void List(Terminal terminal, IReadOnlyList<Run> runs, long total)
    {
        if (terminal.IsJson)
        {
            terminal.WriteArray(runs, CliJson.Default.Run);
            return;
        }

        var table = new TableView(
            terminal, new TableColumn("Run", IsFixed: true), new TableColumn("Workflow"), new TableColumn("Status", IsFixed: true), new TableColumn("Outcome"),
            new TableColumn("Created (UTC)", IsFixed: true), new TableColumn("ms", IsNumber: true), new TableColumn("Cost", IsNumber: true));
        foreach (Run run in runs)
        {
            table.Add(
                run.Id, $"{run.Workflow} {run.Version}", new TableCell(run.Status, RowText.ToneOf(run.Status)), run.Outcome ?? run.Error?.Code ?? "",
                Time(run.CreatedAt, "yyyy-MM-dd HH:mm:ss"), RowText.Ms(run.DurationMs), RowText.Cost(run.CostDollars));
        }

        if (runs.Count > 0)
        {
            table.Print();
        }

        terminal.Note(runs.Count == total ? $"{total} runs" : $"{runs.Count} of {total} runs; --limit shows more");
    }

    public static void Show(Terminal terminal, Run run)
    {
        if (terminal.IsJson)
        {
            terminal.WriteObject(run, CliJson.Default.Run);
            return;
        }

        terminal.Say($"{run.Id}  {run.Status}{(run.Outcome is { Length: > 0 } outcome ? $"  {outcome}" : "")}", RowText.ToneOf(run.Status));
        terminal.Say($"workflow  {run.Workflow} {run.Version}");
        terminal.Say($"created   {Time(run.CreatedAt, "yyyy-MM-dd HH:mm:ss.fff")} UTC{(run.DurationMs is { } ms ? $", took {RowText.Ms(ms)} ms" : "")}");
        terminal.Say($"cost      {RowText.Cost(run.CostDollars)}{(run.Tokens is { } tokens ? $", {tokens.Input} + {tokens.Output} tokens" : "")}");
        if (run.TraceId is { } trace)
        {
            terminal.Say($"trace     {trace}");
        }

        if (run.Steps.Count > 0)
        {
            terminal.Say("");
            Steps(terminal, run.Steps);
        }

        Json(terminal, "input", run.Input);
        Json(terminal, "output", run.Output);
        if (run.Error is { } error)
        {
            terminal.Say("");
            terminal.Say($"{error.Code}: {error.Message}", Tone.Bad);
        }
    }

    /// <summary>Each decision on a line.</summary>
    public static void Explanation(Terminal terminal, Explanation explanation)
    {
        if (terminal.IsJson)
        {
            terminal.WriteLine(explanation, CliJson.Default.Explanation);
            return;
        }

        terminal.Say($"{explanation.Workflow} {explanation.Version}, run {explanation.RunId}: {explanation.Status}", Tone.Strong);
        foreach (ExplanationLine line in explanation.Lines)
        {
            terminal.Say($"{line.Seq,4}  {Time(line.At, "HH:mm:ss.fff")}  {Excerpt.OneLine(line.Text)}", ToneOf(line.Type));
        }

        if (explanation.JournalHash is { } hash)
        {
            terminal.Say($"journal hash {hash}", Tone.Faint);
        }

        if (explanation.Note is { } note)
        {
            terminal.Say(note, Tone.Warning);
        }
    }

    /// <summary>What can be undone, oldest first.</summary>
    public static void Saga(Terminal terminal, Saga saga)
    {
        if (terminal.IsJson)
        {
            terminal.WriteLine(saga, CliJson.Default.Saga);
            return;
        }

        terminal.Say($"Saga of {saga.RunId}: {saga.Status}", Tone.Strong);
        var table = new TableView(
            terminal, new TableColumn("Done", IsFixed: true), new TableColumn("Undone by"), new TableColumn("Status", IsFixed: true), new TableColumn("Step", IsFixed: true), new TableColumn("Tries", IsNumber: true),
            new TableColumn("Input"), new TableColumn("Error"));
        foreach (SagaStep step in saga.Steps)
        {
            Tone tone = step.Status switch { "compensated" => Tone.Good, "given_up" => Tone.Bad, "asked" => Tone.Warning, _ => Tone.Plain };
            table.Add(
                step.Path, step.Target ?? "", new TableCell(step.Status, tone), step.Compensation ?? "", $"{step.Attempts}",
                step.Input is { } input ? Excerpt.Of(input.GetRawText(), FieldLength) : "", step.Error is { } error ? $"{error.Code}: {Excerpt.OneLine(error.Message)}" : "");
        }

        if (saga.Steps.Count > 0)
        {
            table.Print();
        }
    }

    /// <summary>One event on one line.</summary>
    public static void Event(Terminal terminal, RunEvent happened)
    {
        if (terminal.IsJson)
        {
            terminal.WriteLine(happened.Json, CliJson.Default.JsonElement);
            return;
        }

        IEnumerable<string> fields = happened.Json.EnumerateObject()
            .Where(f => !LeftOut.Contains(f.Name))
            .Select(f => (f.Name, Value: f.Value.ValueKind == JsonValueKind.String ? f.Value.GetString()! : f.Value.GetRawText()))
            .Where(f => f.Value is not ("" or "null" or "{}" or "false"))
            .Select(f => $"{f.Name}={Excerpt.Of(f.Value, FieldLength)}");
        terminal.Say(
            $"{happened.Seq,4}  {Time(happened.At, "HH:mm:ss.fff")}  {happened.Type,-16} {happened.Text("node"),-18} {string.Join(' ', fields)}".TrimEnd(),
            ToneOf(happened.Type));
    }

    private static void Steps(Terminal terminal, IReadOnlyList<RunStep> steps)
    {
        var table = new TableView(
            terminal, new TableColumn("Step", IsFixed: true), new TableColumn("Calls"), new TableColumn("Status", IsFixed: true), new TableColumn("Tries", IsNumber: true),
            new TableColumn("Provider"), new TableColumn("ms", IsNumber: true), new TableColumn("Cost", IsNumber: true), new TableColumn("Error"));
        foreach (RunStep step in steps)
        {
            table.Add(
                step.Node, $"{step.Kind} {step.Target}".TrimEnd(), new TableCell(step.Status, StepTone(step.Status)), $"{step.Attempts}", step.Provider ?? "",
                RowText.Ms(step.DurationMs), RowText.Cost(step.CostDollars), step.Error is { } error ? $"{error.Code}: {Excerpt.OneLine(error.Message)}" : "");
        }

        table.Print();
    }

    private static void Json(Terminal terminal, string title, JsonElement? value)
    {
        if (value is { } json)
        {
            terminal.Say("");
            terminal.Say(title, Tone.Strong);
            terminal.Say(JsonOutput.Text(json, CliJson.Default.JsonElement, indented: true));
        }
    }

    private static Tone StepTone(string status) => status switch
    {
        "succeeded" => Tone.Good,
        "failed" => Tone.Bad,
        "asked" or "backoff" or "held" or "cancelled" => Tone.Warning,
        _ => Tone.Plain,
    };

    private static Tone ToneOf(string type) => type switch
    {
        "run_completed" => Tone.Good,
        "run_failed" or "step_failed" or "step_denied" => Tone.Bad,
        "step_unknown" or "step_asked" or "retry_scheduled" or "run_cancelled" or "cancel_requested" => Tone.Warning,
        "node_entered" or "node_finished" or "step_scheduled" => Tone.Faint,
        _ => Tone.Plain,
    };

    private static string Time(DateTimeOffset? time, string format) => time?.UtcDateTime.ToString(format, CultureInfo.InvariantCulture) ?? "";
}
