using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Scheduling;

namespace AgentFlow.Engine.Tests.Runs;

public class RunPriorityTests
{
    private static Ulid At(long milliseconds) => new(milliseconds, 0, 0);

    [Theory]
    [InlineData(0, 0, 1, 0, true)]
    [InlineData(60_001, 1, 0, 0, false)]
    [InlineData(59_999, 1, 0, 0, true)]
    [InlineData(0, -10, 600_001, 0, true)]
    [InlineData(0, -10, 599_999, 0, false)]
    [InlineData(1_200_001, 10, 0, -10, false)]
    public void Rank_ALevel_CountsLikeAMinuteOfWaiting(long at, int priority, long otherAt, int otherPriority, bool first) =>
        Assert.Equal(first, RunPriority.Rank(At(at), priority) < RunPriority.Rank(At(otherAt), otherPriority));
}
