using AgentFlow.Engine.Access;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Features.Access.Limits;
using AgentFlow.Server.Http;
using AgentFlow.Server.Tests.Features.Access.Tokens;
using Microsoft.AspNetCore.Http;

namespace AgentFlow.Server.Tests.Features.Access.Limits;

/// <summary>The areas by their addresses, whether or not this server answers there.</summary>
public sealed class RatedAreaTests
{
    private readonly SetTime _clock = new();

    private static async Task<bool> PassesAsync(RateLimitMiddleware rates, string path, string tenant = "default")
    {
        var context = new DefaultHttpContext();
        context.Request.Path = path;
        context.Features.Set(new Caller(Principal.Open(tenant)));
        try
        {
            await rates.InvokeAsync(context);
            return true;
        }
        catch (RateLimitedException)
        {
            return false;
        }
    }

    private RateLimiter Limiter(int burst) => new(new RateLimit(burst, 0.001), _clock);

    [Fact]
    public async Task Area_WithARateOfItsOwn_IsCountedApart()
    {
        var rates = new RateLimitMiddleware(_ => Task.CompletedTask, Limiter(2), null, [new RatedArea(Limiter(3), RatedArea.Bridge), new RatedArea(Limiter(1), RatedArea.StressTests)]);
        Assert.True(await PassesAsync(rates, "/orchestrator/heartbeat"));
        Assert.True(await PassesAsync(rates, "/ORCHESTRATOR/events"));
        Assert.True(await PassesAsync(rates, "/orchestrator/tasks/1/callback"));
        Assert.False(await PassesAsync(rates, "/Orchestrator/register"));
        Assert.True(await PassesAsync(rates, "/orchestrator/register", "other"));
        Assert.True(await PassesAsync(rates, "/api/v1/stress-test/fleet"));
        Assert.False(await PassesAsync(rates, "/API/V1/Stress-Tests"));
        Assert.False(await PassesAsync(rates, "/api/v1/aoa/dashboard"));
        Assert.True(await PassesAsync(rates, "/api/v1/runs"));
        Assert.True(await PassesAsync(rates, "/api/v1/runs"));
        Assert.False(await PassesAsync(rates, "/api/v1/runs"));
    }

    [Fact]
    public async Task Area_ThatIsOff_IsHeldByTheTenantsRateAlone()
    {
        var rates = new RateLimitMiddleware(_ => Task.CompletedTask, Limiter(1), Limiter(4), [new RatedArea(null, RatedArea.Bridge)]);
        for (int i = 0; i < 4; i++)
        {
            Assert.True(await PassesAsync(rates, "/orchestrator/heartbeat"));
        }

        Assert.False(await PassesAsync(rates, "/orchestrator/heartbeat"));
    }

    [Theory]
    [InlineData(null, null, null)]
    [InlineData("AF_BRIDGE_RATE_LIMIT_BURST", "7", "7 3.5")]
    [InlineData("AF_BRIDGE_RATE_LIMIT_SUSTAINED", "600/m", "20 10")]
    [InlineData("AF_BRIDGE_RATE_LIMIT_SUSTAINED", "off", "off")]
    public void Options_Setting_IsTheRate(string? name, string? value, string? expected)
    {
        ServerOptions options = ServerOptions.From(Settings.Load(n => n == name ? value : null, name is null ? [] : [name], Path.GetTempPath()));
        Assert.Equal(expected, options.BridgeRate is not { } rate ? null : rate.Limit is { } limit ? FormattableString.Invariant($"{limit.Burst} {limit.PerSecond}") : "off");
        Assert.Null(options.StressRate);
    }

    [Fact]
    public void Options_ImpossibleRate_SaysWhereAndWhatToDo()
    {
        var failure = Assert.Throws<OptionsException>(() => ServerOptions.From(Settings.Load(n => n == "AF_STRESS_RATE_LIMIT_SUSTAINED" ? "fast" : null, ["AF_STRESS_RATE_LIMIT_SUSTAINED"], Path.GetTempPath())));
        Assert.Contains("AF_STRESS_RATE_LIMIT_SUSTAINED is 'fast': write requests a second", failure.Message);
    }
}
