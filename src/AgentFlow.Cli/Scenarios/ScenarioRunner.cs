using System.Globalization;
using AgentFlow.Cli.Workflows;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Models.Providers;
using AgentFlow.Server;
using AgentFlow.Simulation.Rehearsals;
using AgentFlow.Simulation.Scenarios;

namespace AgentFlow.Cli.Scenarios;

/// <summary>Plays scenario files and says what came of each.</summary>
/// <param name="strict">A stub that nothing asks, and a golden trace that is not there, fail a scenario.</param>
/// <param name="updates">Golden traces are written instead of compared.</param>
internal sealed class ScenarioRunner(bool strict, bool updates)
{
    private const int ContextLines = 12;

    public async Task<ScenarioResult> PlayAsync(string path)
    {
        ScenarioFile file = ScenarioFiles.Read(path);
        if (file.Scenario is not { } scenario)
        {
            return ScenarioResult.Invalid(path, file.Diagnostics);
        }

        string workflow = ScenarioFiles.Workflow(path, scenario.Workflow);
        ReadResult source = WorkflowFiles.Read(workflow);
        if (source.Source is null)
        {
            return ScenarioResult.Invalid(path, source.Diagnostics);
        }

        var play = new ScenarioPlay(scenario);
        using var models = new ModelProviders(new ModelOptions(), play.Clock);
        await using var host = new OfflineHost(models, play.Clock, tools => new RehearsedTools(tools, play.PerformAsync));
        var loader = new WorkflowLoader(host.Tools, host.AgentKinds.Select(kind => new RehearsedAgents(kind, play.PerformAsync)));
        LoadResult loaded = loader.Load(source.Source);
        if (loaded.Definition is not { } definition)
        {
            return ScenarioResult.Invalid(path, [.. source.Diagnostics, .. loaded.Diagnostics.Where(d => d.IsError)]);
        }

        IReadOnlyList<WorkflowDefinition> children = WorkflowsBeside.ChildrenOf(definition, workflow, loader);
        file.Check(definition, children);
        if (file.Scenario is null)
        {
            return ScenarioResult.Invalid(path, file.Diagnostics);
        }

        RehearsalReport report = play.Run(definition, children);
        var trace = new RunTrace(report.State.Definition, report.Journal);
        List<Mismatch> mismatches = [.. play.Unstubbed.Select(call => new Mismatch("stubs", "one for every call that reaches outside", call)), .. play.Approvals, .. Mismatch.Find(scenario.Expect, report, trace)];
        var notes = new List<string>();
        Golden(path, scenario, trace, mismatches, notes);
        foreach (StubTarget unused in play.Unused)
        {
            if (strict)
            {
                mismatches.Add(new Mismatch("stubs", $"{unused} is called", "it never is"));
            }
            else
            {
                notes.Add($"the stub {unused} was never called");
            }
        }

        foreach (string step in play.Unasked)
        {
            if (strict)
            {
                mismatches.Add(new Mismatch("approvals", $"somebody is asked to approve {step}", "nobody ever is"));
            }
            else
            {
                notes.Add($"nobody was asked to approve {step}");
            }
        }

        return new ScenarioResult(
            path,
            scenario.Name,
            $"{definition.Name} {definition.Version}",
            mismatches.Count == 0,
            report.State.Status.ToString().ToLowerInvariant(),
            report.State.Outcome,
            trace.Path,
            report.Took.TotalSeconds,
            report.State.SpentNanoDollars / 1_000_000_000m,
            mismatches,
            [],
            notes)
        { Happened = [.. trace.Lines.TakeLast(ContextLines)] };
    }

    private void Golden(string path, Scenario scenario, RunTrace trace, List<Mismatch> mismatches, List<string> notes)
    {
        if (scenario.Golden is not { } name)
        {
            return;
        }

        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        string golden = Path.GetFullPath(Path.Combine(folder, name));
        if (!golden.StartsWith(folder + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            throw CliException.Failed($"{path}: its 'golden' {name} lies outside of the scenario's folder. Keep the trace beside the scenario.");
        }

        try
        {
            if (updates)
            {
                Directory.CreateDirectory(Path.GetDirectoryName(golden)!);
                File.WriteAllLines(golden, trace.Lines);
                notes.Add($"wrote {name}");
            }
            else if (!File.Exists(golden))
            {
                mismatches.Add(new Mismatch("golden", name, "there is no such file; write it with: af test --update"));
            }
            else if (Mismatch.InTrace(name, File.ReadAllLines(golden), trace.Lines) is { } difference)
            {
                mismatches.Add(difference);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Failed(string.Create(CultureInfo.InvariantCulture, $"{path}: its 'golden' {name} cannot be {(updates ? "written" : "read")}: {e.Message}"));
        }
    }
}

/// <summary>What came of one scenario.</summary>
/// <param name="File">As it was found.</param>
/// <param name="Workflow">Name and version; <see langword="null"/> when it did not come to that.</param>
/// <param name="Seconds">On the scenario's clock.</param>
/// <param name="Mismatches">Empty when it passed, or could not be played.</param>
/// <param name="Diagnostics">What is wrong with the scenario or its workflow.</param>
internal sealed record ScenarioResult(
    string File,
    string Name,
    string? Workflow,
    bool Passed,
    string? Status,
    string? Outcome,
    IReadOnlyList<string> Path,
    double Seconds,
    decimal CostDollars,
    IReadOnlyList<Mismatch> Mismatches,
    IReadOnlyList<Finding> Diagnostics,
    IReadOnlyList<string> Notes)
{
    /// <summary>The last lines of the trace, for readers of a failure.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public IReadOnlyList<string> Happened { get; init; } = [];

    public static ScenarioResult Invalid(string path, IReadOnlyList<Diagnostic> diagnostics) =>
        new(path, System.IO.Path.GetFileNameWithoutExtension(path), null, false, null, null, [], 0, 0, [], [.. diagnostics.Select(Finding.Of)], []);
}
