using AgentFlow.Cli.Scenarios;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Ports;
using AgentFlow.Engine.Runs;
using AgentFlow.Models.Providers;
using AgentFlow.Server;
using AgentFlow.Simulation.Rehearsals;
using AgentFlow.Simulation.Scenarios;

namespace AgentFlow.Cli.Simulations;

/// <summary>A workflow that is compiled once and rehearsed many times.</summary>
internal sealed class RehearsedWorkflow : IAsyncDisposable
{
    private readonly ModelProviders _models;
    private readonly OfflineHost _host;
    private readonly IReadOnlyList<WorkflowDefinition> _children;
    private ScenarioPlay? _play;

    /// <param name="path">The workflow file.</param>
    /// <param name="models">Who answers agents that ask models.</param>
    /// <param name="kinds">Gets the kinds of agents, and gives those that are compiled.</param>
    /// <exception cref="CliException">It has errors.</exception>
    public RehearsedWorkflow(string path, Func<TimeProvider, ModelProviders> models, Func<IReadOnlyList<IAgentKind>, IEnumerable<IAgentKind>> kinds)
    {
        string file = Directory.Exists(path) ? Path.Combine(path, "workflow.yaml") : path;
        Clock = new PlayClock(this);
        _models = models(Clock);
        _host = new OfflineHost(_models, Clock, tools => new RehearsedTools(tools, PerformAsync));
        ReadResult source = WorkflowFiles.Read(file);
        var loader = new WorkflowLoader(_host.Tools, kinds(_host.AgentKinds).Select(kind => new RehearsedAgents(kind, PerformAsync)));
        LoadResult? loaded = source.Source is null ? null : loader.Load(source.Source);
        Definition = loaded?.Definition
            ?? throw CliException.Failed(string.Join(Environment.NewLine, source.Diagnostics.Concat(loaded?.Diagnostics ?? []).Where(d => d.IsError).Select(d => d.ToString()).Prepend($"{file} has errors, so nothing was run.")));
        _children = WorkflowsBeside.ChildrenOf(Definition, file, loader);
    }

    public WorkflowDefinition Definition { get; }

    /// <summary>The clock of whatever is played now.</summary>
    public TimeProvider Clock { get; }

    /// <summary>The scenario that a file says, or one with an input that is drawn from the workflow's schema.</summary>
    /// <exception cref="CliException">The file has errors.</exception>
    public Scenario Scenario(string? path)
    {
        if (path is null)
        {
            return new Scenario { Name = "", Input = new Payload(DrawnJson.Of(Definition.InputSchema, new SeededRandom(1))) };
        }

        ScenarioFile file = ScenarioFiles.Read(path);
        file.Check(Definition, _children);
        return file.Scenario ?? throw CliException.Failed(string.Join(Environment.NewLine, file.Diagnostics.Select(d => d.ToString())));
    }

    /// <summary>Plays once.</summary>
    public RehearsalReport Play(ScenarioPlay play)
    {
        _play = play;
        return play.Run(Definition, _children);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        _models.Dispose();
    }

    private ValueTask<StepOutcome> PerformAsync(ITool inner, ToolCall call, CancellationToken cancellationToken) => _play!.PerformAsync(inner, call, cancellationToken);

    private sealed class PlayClock(RehearsedWorkflow workflow) : TimeProvider
    {
        private TimeProvider Now => workflow._play?.Clock ?? System;

        public override long TimestampFrequency => Now.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => Now.GetUtcNow();

        public override long GetTimestamp() => Now.GetTimestamp();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => Now.CreateTimer(callback, state, dueTime, period);
    }
}
