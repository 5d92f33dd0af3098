using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Nodes;
using AgentFlow.Engine.Runs;
using AgentFlow.Engine.Runs.Journal;
using AgentFlow.Engine.Tests.Definitions.Loading;
using static AgentFlow.Engine.Tests.Runs.Flow;

namespace AgentFlow.Engine.Tests.Runs;

/// <summary>Steps that wait for their registered agent, as the machine sees them.</summary>
public class RegisteredAgentTests
{
    private static Play Of(RetryPolicy? retry = null) => new(Define(Machine("m", new State(Call("a", retry: retry)) { Final = true })));

    private static void AssertReplays(Play play)
    {
        byte[] live = Play.Bytes(play.State);
        Assert.Equal(live, Play.Bytes(play.Reload().State));
        Assert.Equal(live, Play.Bytes(SnapshotCodec.TryDecode(live, "default", RunId, play.State.Definition, play.Blob)!));
    }

    [Fact]
    public void Held_Step_LetsTheRunRestAndAsksAgainWhenItIsDue()
    {
        Play play = Of();
        int id = play.Node("a").Id;
        Assert.True(play.Feed(new StepHeld(id, play.Now + 60_000, 60_000, "2 requests a minute")));
        Assert.Equal((NodePhase.Backoff, true, play.Now + 60_000), (play.Node("a").Phase, play.State.IsIdle, play.Node("a").Due));
        Assert.False(play.Feed(new StepStarted(id, 1, 0, false)));
        AssertReplays(play);
        play.FireTimer("a");
        Assert.Equal((NodePhase.Scheduled, 0, 0), (play.Node("a").Phase, play.Node("a").Attempt, play.Node("a").Failures));
        play.Succeed("a");
        Assert.Equal(RunStatus.Completed, play.State.Status);
    }

    [Fact]
    public void PlaceWanted_ByAStep_QueuesItAndTheStepKeepsThePlaceToItsEnd()
    {
        Play play = Of(new RetryPolicy { MaxAttempts = 2 });
        int id = play.Node("a").Id;
        Assert.True(play.Feed(new PlaceWanted(id, "agent:writer", 1)));
        Assert.False(play.Feed(new PlaceWanted(id, "agent:writer", 1)));
        Assert.Equal((NodePhase.Queued, true), (play.Node("a").Phase, play.State.IsIdle));
        PlaceRequested asked = Assert.Single(play.Journal.OfType<PlaceRequested>());
        Assert.Equal((id, SharedKind.Semaphore, "agent:writer", 1), (asked.Id, asked.Kind, asked.Name, asked.Size));
        AssertReplays(play);
        Assert.True(play.Feed(new PlaceGranted(id, 77, 1)));
        Assert.Equal(NodePhase.Scheduled, play.Node("a").Phase);
        AssertReplays(play);
        play.Fail("a");
        Assert.False(play.Feed(new PlaceWanted(id, "agent:writer", 1)));
        play.FireTimer("a");
        Assert.False(play.Feed(new PlaceWanted(id, "agent:writer", 1)));
        play.Succeed("a");
        Assert.True(Assert.Single(play.Journal.OfType<PlaceLeft>()).Held);
    }

    [Fact]
    public void Cancelled_WhileItQueues_WithdrawsTheRequest()
    {
        Play play = Of();
        play.Feed(new PlaceWanted(play.Node("a").Id, "agent:writer", 1));
        play.Feed(new CancelRequested("ops", "enough"));
        Assert.Equal(RunStatus.Cancelled, play.State.Status);
        Assert.False(Assert.Single(play.Journal.OfType<PlaceLeft>()).Held);
    }

    [Fact]
    public void Load_RegisteredAgent_IsTheStepsAndNoSettingOfItsKind()
    {
        WorkflowDefinition definition = Loading.Definition(Workflow("registered: writer-1", ""));
        CallNode call = definition.Nodes.OfType<CallNode>().Single();
        Assert.Equal(("w", "writer-1"), (call.Agent, call.Registered));
    }

    [Theory]
    [InlineData("registered: ''", "", "invalid-name")]
    [InlineData("registered: [writer-1]", "", "wrong-type")]
    [InlineData("registered: writer-1", "semaphore: { name: x, permits: 1 }", "not-applicable")]
    public void Load_WhatCannotHold_IsReported(string agent, string step, string code) =>
        Assert.Equal(code, Assert.Single(Loading.Load(Workflow(agent, step)).Diagnostics, d => d.IsError).Code);

    private static string Workflow(string agent, string step) => $$"""
        language: 1
        name: flow
        version: 1.0.0
        agents:
          w: { kind: llm, {{agent}} }
        planner: dag
        steps:
          - { id: a, agent: w{{(step.Length > 0 ? ", " + step : "")}} }
        """;
}
