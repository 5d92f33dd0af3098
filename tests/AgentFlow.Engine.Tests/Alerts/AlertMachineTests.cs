using AgentFlow.Engine.Alerts;
using FsCheck;
using FsCheck.Fluent;

namespace AgentFlow.Engine.Tests.Alerts;

public sealed class AlertMachineTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly AlertRule Plain = new("slow", AlertSignal.LatencyP95) { Warn = 100, Critical = 120 };

    /// <summary>Steps at given seconds, and what became of each: the level, with <c>!</c> when somebody is told and <c>^</c> when it is escalated.</summary>
    private static string Play(AlertRule rule, params (int At, double? Value)[] looks) => Play(rule, null, static _ => false, looks);

    private static string Play(AlertRule rule, TimeSpan? escalateAfter, Func<int, bool> silenced, params (int At, double? Value)[] looks)
    {
        AlertState state = AlertState.Quiet;
        var said = new List<string>();
        foreach ((int at, double? value) in looks)
        {
            AlertStep step = AlertMachine.Step(rule, state, value, Start.AddSeconds(at), silenced(at), escalateAfter);
            Assert.Equal(step.Changed, step.State.Level != state.Level);
            state = step.State;
            said.Add($"{state.Level.Word()}{(step.Tell ? "!" : "")}{(step.Escalate ? "^" : "")}");
        }

        return string.Join(' ', said);
    }

    [Theory]
    [InlineData(0, "ok")]
    [InlineData(100, "ok")]
    [InlineData(100.001, "warn!")]
    [InlineData(120, "warn!")]
    [InlineData(120.001, "critical!")]
    [InlineData(double.PositiveInfinity, "critical!")]
    [InlineData(double.NaN, "ok")]
    public void Step_Value_IsAboveAThresholdOrNot(double value, string expected) => Assert.Equal(expected, Play(Plain, (0, value)));

    [Fact]
    public void Step_NothingSeen_IsNoAlarm() => Assert.Equal("ok", Play(Plain, (0, null)));

    [Theory]
    [InlineData(100.0, null, "ok warn! ok! ok")]
    [InlineData(null, 120.0, "ok critical! ok! ok")]
    public void Step_OneThreshold_HasOneLevel(double? warn, double? critical, string expected) =>
        Assert.Equal(expected, Play(Plain with { Warn = warn, Critical = critical }, (0, 90), (1, 500), (2, 90), (3, 90)));

    [Fact]
    public void Step_UpAndDown_TellsEachLevelOnce() =>
        Assert.Equal("warn! warn critical! critical warn! ok! ok", Play(Plain, (0, 110), (1, 110), (2, 130), (3, 130), (4, 110), (5, 0), (6, 0)));

    [Fact]
    public void Step_For_WaitsThatLong() =>
        Assert.Equal("ok ok ok warn! warn", Play(Plain with { For = TimeSpan.FromSeconds(30) }, (0, 110), (10, 110), (29, 110), (30, 110), (40, 110)));

    [Fact]
    public void Step_DipWithinFor_BeginsAnew() =>
        Assert.Equal("ok ok ok ok warn!", Play(Plain with { For = TimeSpan.FromSeconds(30) }, (0, 110), (20, 90), (21, 110), (50, 110), (51, 110)));

    [Fact]
    public void Step_CriticalWithinFor_CountsAsWarningSinceTheFirst() =>
        Assert.Equal("ok warn! critical!", Play(Plain with { For = TimeSpan.FromSeconds(30) }, (0, 110), (30, 130), (60, 130)));

    [Fact]
    public void Step_ClearAfter_WaitsThatLong() =>
        Assert.Equal("critical! critical critical critical ok!", Play(Plain with { ClearAfter = TimeSpan.FromSeconds(60) }, (0, 130), (10, 90), (20, 90), (69, 90), (70, 90)));

    [Fact]
    public void Step_RiseWithinClearAfter_BeginsAnew() =>
        Assert.Equal("critical! critical critical critical critical ok!", Play(Plain with { ClearAfter = TimeSpan.FromSeconds(60) }, (0, 130), (10, 90), (60, 130), (61, 90), (120, 90), (121, 90)));

    [Fact]
    public void Step_ClearAfterWithAMilderValue_GoesDownToThat() =>
        Assert.Equal("critical! critical warn!", Play(Plain with { ClearAfter = TimeSpan.FromSeconds(60) }, (0, 130), (10, 110), (70, 110)));

    [Fact]
    public void Step_NothingSeenAnyMore_Resolves() => Assert.Equal("critical! ok!", Play(Plain, (0, 130), (10, null)));

    [Fact]
    public void Step_SilencedThroughout_TellsNobody() => Assert.Equal("critical critical ok ok", Play(Plain, null, static _ => true, (0, 130), (1, 130), (2, 0), (3, 0)));

    [Fact]
    public void Step_SilenceThatEnds_TellsWhatIsStillRaised() => Assert.Equal("warn critical critical! critical", Play(Plain, null, static at => at < 20, (0, 110), (10, 130), (20, 130), (30, 130)));

    [Fact]
    public void Step_ResolvedInSilence_IsToldWhenTheSilenceEnds() => Assert.Equal("warn! ok ok!", Play(Plain, null, static at => at is 10, (0, 110), (10, 0), (20, 0)));

    [Fact]
    public void Step_RaisedAndResolvedInSilence_IsNeverTold() => Assert.Equal("ok warn ok ok ok", Play(Plain, null, static at => at is > 5 and < 30, (0, 0), (10, 110), (20, 0), (30, 0), (40, 0)));

    [Fact]
    public void Step_Escalation_ComesOnceAndAgainAfterTheNextRaise() => Assert.Equal(
        "warn! warn critical!^ critical ok! warn! warn^",
        Play(Plain, TimeSpan.FromSeconds(60), static _ => false, (0, 110), (59, 110), (60, 130), (200, 130), (201, 0), (202, 110), (262, 110)));

    [Fact]
    public void Step_EscalationInSilence_WaitsForItsEnd() => Assert.Equal("warn warn warn!^", Play(Plain, TimeSpan.FromSeconds(60), static at => at < 100, (0, 110), (70, 110), (100, 110)));

    [Fact]
    public void Step_RuleSwitchedOff_Resolves()
    {
        AlertState state = AlertMachine.Step(Plain, AlertState.Quiet, 130, Start, silenced: false, null).State;
        AlertStep off = AlertMachine.Step(Plain with { IsEnabled = false }, state, 130, Start.AddSeconds(1), silenced: false, null);
        Assert.Equal((AlertLevel.None, true, true), (off.State.Level, off.Changed, off.Tell));
        Assert.True(off.State.IsQuiet);
    }

    [Fact]
    public void BuiltIn_Silence_WarnsAfterFiveMinutesAndIsCriticalAfterFifteen()
    {
        AlertRule rule = BuiltInAlertRules.All.Single(r => r.Signal == AlertSignal.AgentSilence);
        Assert.Equal("ok ok warn! warn critical! ok!", Play(rule, (60, 60), (300, 300), (301, 301), (900, 900), (901, 901), (910, 2)));
    }

    [Fact]
    public void BuiltIn_Thresholds_AreTheBridges()
    {
        Assert.Equal((100.0, 120.0), (Rule(AlertSignal.LatencyP95).Warn, Rule(AlertSignal.LatencyP95).Critical));
        Assert.Equal((0.005, 0.01), (Rule(AlertSignal.ErrorRate).Warn, Rule(AlertSignal.ErrorRate).Critical));
        Assert.All(BuiltInAlertRules.All, r => Assert.True(AlertRule.IsName(r.Name)));
        Assert.True(Rule(AlertSignal.LatencyP95).Watches("POST /orchestrator/heartbeat"));
        Assert.False(Rule(AlertSignal.LatencyP95).Watches("GET /api/v1/runs"));

        static AlertRule Rule(AlertSignal signal) => BuiltInAlertRules.All.Single(r => r.Signal == signal);
    }

    /// <summary>Whatever comes: a level is reached only by values that lasted, those who are told know the newest level, and nobody is told in silence.</summary>
    [Fact]
    public void Step_AnyHistory_KeepsItsPromises()
    {
        Gen<(int Gap, int Value, bool Silenced)> look =
            from gap in Gen.Choose(0, 40)
            from value in Gen.Elements(0, 90, 110, 130)
            from silenced in Gen.Frequency((4, Gen.Constant(false)), (1, Gen.Constant(true)))
            select (gap, value, silenced);
        var rules = from wait in Gen.Choose(0, 60) from clear in Gen.Choose(0, 60) select Plain with { For = TimeSpan.FromSeconds(wait), ClearAfter = TimeSpan.FromSeconds(clear) };
        Prop.ForAll(Arb.From(look.ListOf(40)), Arb.From(rules), static (looks, rule) =>
        {
            AlertState state = AlertState.Quiet;
            var told = AlertLevel.None;
            int at = 0;
            var history = new List<(int At, AlertLevel Seen)>();
            foreach ((int gap, int value, bool silenced) in looks)
            {
                at += gap;
                history.Add((at, rule.LevelOf(value)));
                AlertStep step = AlertMachine.Step(rule, state, value, Start.AddSeconds(at), silenced, null);
                told = step.Tell ? step.State.Level : told;
                Assert.False(step.Tell && silenced);
                Assert.Equal(step.State.Told, told);
                Assert.True(silenced || told == step.State.Level);
                if (step.State.Level > state.Level)
                {
                    AlertLevel level = step.State.Level;
                    int since = history.AsEnumerable().Reverse().TakeWhile(h => h.Seen >= level).Last().At;
                    Assert.True(at - since >= rule.For.TotalSeconds);
                }
                else if (step.State.Level < state.Level)
                {
                    AlertLevel before = state.Level;
                    int since = history.AsEnumerable().Reverse().TakeWhile(h => h.Seen < before).Last().At;
                    Assert.True(at - since >= rule.ClearAfter.TotalSeconds);
                }

                state = step.State;
            }
        }).QuickCheckThrowOnFailure();
    }
}
