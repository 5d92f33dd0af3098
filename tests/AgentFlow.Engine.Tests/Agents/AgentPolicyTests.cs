using System.Text.Json;
using AgentFlow.Engine.Agents;

namespace AgentFlow.Engine.Tests.Agents;

public class AgentPolicyTests
{
    private static AgentPolicy? Read(string json, out string? problem) => AgentPolicy.Read(JsonElement.Parse(json), out problem);

    [Fact]
    public void Read_WholePolicy_HasEveryLimit()
    {
        AgentPolicy policy = Read("""
            {"template":"restricted","max_concurrent_tasks":3,"rate_limits":{"requests_per_minute":30,"tokens_per_minute":30000,"burst":7},
             "requires_approval":["deployer","file_*"],"requires_approval_above":0.25,"audit_all_actions":false,"data_access":["public"]}
            """, out string? problem)!;
        Assert.Null(problem);
        Assert.Equal((3, 30, 30_000L, 250_000_000L), (policy.MaxConcurrentTasks, policy.RequestsPerMinute, policy.TokensPerMinute, policy.ApprovalAboveNanoDollars));
        Assert.Equal(["deployer", "file_*"], policy.RequiresApproval!.Patterns);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"rate_limits":{},"requires_approval":[],"requires_approval_above":null,"max_concurrent_tasks":null}""")]
    public void Read_NothingOfIt_RestrictsNothing(string json) => Assert.Equal(AgentPolicy.None, Read(json, out _));

    [Theory]
    [InlineData("[]", "policy")]
    [InlineData("""{"rate_limits":60}""", "rate_limits")]
    [InlineData("""{"rate_limits":{"requests_per_minute":0}}""", "requests_per_minute")]
    [InlineData("""{"rate_limits":{"requests_per_minute":"60"}}""", "requests_per_minute")]
    [InlineData("""{"rate_limits":{"tokens_per_minute":1.5}}""", "tokens_per_minute")]
    [InlineData("""{"max_concurrent_tasks":99999999999}""", "max_concurrent_tasks")]
    [InlineData("""{"requires_approval":"deployer"}""", "requires_approval")]
    [InlineData("""{"requires_approval":["de*ployer"]}""", "requires_approval")]
    [InlineData("""{"requires_approval":[7]}""", "requires_approval")]
    [InlineData("""{"requires_approval_above":-1}""", "requires_approval_above")]
    public void Read_WhatCannotBeRead_IsAProblemAndNoPolicy(string json, string member)
    {
        Assert.Null(Read(json, out string? problem));
        Assert.Contains($"'{member}'", problem);
    }

    [Theory]
    [InlineData("linter", 1, false)]
    [InlineData("deployer", 0, true)]
    [InlineData("file_write", 0, true)]
    [InlineData("linter", 2, false)]
    [InlineData("linter", 3, true)]
    public void ReasonToAsk_ByToolOrByCost(string tool, long cents, bool asks)
    {
        AgentPolicy policy = Read("""{"requires_approval":["deployer","file_*"],"requires_approval_above":0.02}""", out _)!;
        Assert.Equal(asks, policy.ReasonToAsk(["compiler", tool], cents * 10_000_000) is not null);
    }

    [Fact]
    public void ReasonToAsk_AboveNothing_AsksForWhatCostsAnything()
    {
        AgentPolicy policy = Read("""{"requires_approval_above":0}""", out _)!;
        Assert.Null(policy.ReasonToAsk(["linter"], 0));
        Assert.Contains("$0.000000001", policy.ReasonToAsk(["linter"], 1));
    }

    [Theory]
    [InlineData("""{"cost":{"tier":"cheap","monthly_cap":10}}""", 10_000_000_000L)]
    [InlineData("""{"cost":{"monthly_cap":0}}""", 0L)]
    [InlineData("""{"cost":{"monthly_cap":null}}""", null)]
    [InlineData("""{"cost":"low","policy":{"audit_all_actions":true}}""", null)]
    public void Definition_HasTheMonthlyCapOfItsCost(string definition, long? cap)
    {
        AgentPolicy policy = AgentPolicy.ReadDefinition(JsonElement.Parse(definition), out string? problem)!;
        Assert.Equal((cap, null), (policy.MonthlyCapNanoDollars, problem));
    }

    [Theory]
    [InlineData("""{"cost":{"monthly_cap":-1}}""", "'cost.monthly_cap' is no amount of dollars from 0 to 1000000000")]
    [InlineData("""{"cost":{"monthly_cap":"10"},"policy":{}}""", "'cost.monthly_cap' is no amount of dollars from 0 to 1000000000")]
    public void Definition_WithACapThatCannotBeRead_IsNone(string definition, string expected)
    {
        Assert.Null(AgentPolicy.ReadDefinition(JsonElement.Parse(definition), out string? problem));
        Assert.Equal(expected, problem);
    }
}
