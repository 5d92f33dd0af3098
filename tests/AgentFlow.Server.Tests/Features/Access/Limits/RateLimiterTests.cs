using AgentFlow.Server.Features.Access.Limits;
using AgentFlow.Server.Tests.Features.Access.Tokens;

namespace AgentFlow.Server.Tests.Features.Access.Limits;

public sealed class RateLimiterTests
{
    private readonly SetTime _clock = new();

    [Fact]
    public void Take_BurstThenSustained_GivesWhatTheBucketHas()
    {
        var limiter = new RateLimiter(new RateLimit(10, 5), _clock);
        for (int left = 9; left >= 0; left--)
        {
            RateAnswer answer = limiter.Take("a");
            Assert.Equal((true, 10, left), (answer.IsAllowed, answer.Limit, answer.Remaining));
            Assert.Equal(TimeSpan.FromMilliseconds(200 * (10 - left)), answer.Reset);
        }

        RateAnswer refused = limiter.Take("a");
        Assert.Equal((false, 0, TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(2)), (refused.IsAllowed, refused.Remaining, refused.RetryAfter, refused.Reset));
        Assert.True(limiter.Take("b").IsAllowed);
        _clock.Advance(TimeSpan.FromMilliseconds(199));
        Assert.False(limiter.Take("a").IsAllowed);
        _clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(limiter.Take("a").IsAllowed);
        Assert.False(limiter.Take("a").IsAllowed);
        _clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(9, limiter.Take("a").Remaining);
    }

    [Fact]
    public void Take_MillionsOfKeys_KeepsThoseOfTheLastMoments()
    {
        var limiter = new RateLimiter(new RateLimit(100, 50), _clock, capacity: 1_000_000);
        for (int i = 0; i < 3_000_000; i++)
        {
            Assert.True(limiter.Take($"user {i}").IsAllowed);
            // A hundred thousand a second, each bucket full again after 20 ms.
            _clock.Advance(TimeSpan.FromMicroseconds(10));
            Assert.True(limiter.Count <= 10_000, $"{limiter.Count} buckets after {i} keys");
        }
    }

    [Fact]
    public void Take_MoreActiveKeysThanKept_LimitsTheRestTogether()
    {
        var limiter = new RateLimiter(new RateLimit(5, 0.01), _clock, capacity: 2_000);
        int allowed = 0;
        for (int i = 0; i < 10_000; i++)
        {
            allowed += limiter.Take($"user {i}").IsAllowed ? 1 : 0;
        }

        Assert.Equal(2_000, limiter.Count);
        Assert.Equal(2_005, allowed);
        Assert.True(limiter.Take("user 0").IsAllowed);
    }

    [Fact]
    public void Take_ManyThreads_AllowsExactlyTheBurst()
    {
        var limiter = new RateLimiter(new RateLimit(1_000, 1), _clock);
        int allowed = 0;
        Parallel.For(0, 4, _ =>
        {
            for (int i = 0; i < 1_000; i++)
            {
                Interlocked.Add(ref allowed, limiter.Take("a").IsAllowed ? 1 : 0);
                limiter.Take($"{Environment.CurrentManagedThreadId}/{i}");
            }
        });
        Assert.Equal(1_000, allowed);
    }
}
