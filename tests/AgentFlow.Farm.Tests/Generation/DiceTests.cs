using AgentFlow.Farm.Generation;

namespace AgentFlow.Farm.Tests.Generation;

public sealed class DiceTests
{
    /// <summary>The first outputs of the authors' xoshiro256starstar.c from the state 1, 2, 3, 4.</summary>
    [Fact]
    public void Next_FromAPublishedState_GivesThePublishedNumbers()
    {
        var dice = new Dice(1, 2, 3, 4);
        Assert.Equal([11520UL, 0UL, 1509978240UL, 1215971899390074240UL], [dice.Next(), dice.Next(), dice.Next(), dice.Next()]);
    }

    /// <summary>The first outputs of the authors' splitmix64.c from the state 1234567.</summary>
    [Fact]
    public void SplitMix64_GivesThePublishedNumbers()
    {
        ulong state = 1234567;
        Assert.Equal([6457827717110365317UL, 3203168211198807973UL, 9817491932198370423UL], [Dice.SplitMix64(ref state), Dice.SplitMix64(ref state), Dice.SplitMix64(ref state)]);
    }

    /// <summary>Frozen: whatever else changes, a seed's numbers stay.</summary>
    [Fact]
    public void Next_FromASeedAndAStream_NeverChanges()
    {
        var dice = new Dice(12345, "fleet/small/0");
        var other = new Dice(12345, "fleet/small/1");
        var negative = new Dice(-1, "fleet/small/0");
        Assert.Equal(Frozen, (ulong[])[dice.Next(), dice.Next(), other.Next(), negative.Next()]);
    }

    private static readonly ulong[] Frozen = [18427663333460459961, 14234282619194689884, 7767541795549828774, 2608448725983188247];

    [Fact]
    public void Below_EveryBound_StaysBelowAndReachesAll()
    {
        var dice = new Dice(7, "below");
        for (int bound = 1; bound <= 20; bound++)
        {
            int[] counts = new int[bound];
            for (int i = 0; i < bound * 1000; i++) counts[dice.Below(bound)]++;
            Assert.All(counts, c => Assert.InRange(c, 850, 1150));
        }
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(0.25, 2300, 2700)]
    [InlineData(1, 10000, 10000)]
    public void Chance_OfARate_HitsAtThatRate(double rate, int least, int most)
    {
        var dice = new Dice(9, "chance");
        Assert.InRange(Enumerable.Range(0, 10_000).Count(_ => dice.Chance(rate)), least, most);
    }

    [Fact]
    public void Weighted_GivesNothingOfWeightZero()
    {
        var dice = new Dice(3, "weighted");
        int[] counts = new int[4];
        for (int i = 0; i < 4000; i++) counts[dice.Weighted([0, 3, 0, 1])]++;
        Assert.Equal((0, 0), (counts[0], counts[2]));
        Assert.InRange(counts[1], 2850, 3150);
    }

    [Fact]
    public void Shuffle_KeepsTheItems()
    {
        List<int> items = [.. Enumerable.Range(0, 50)];
        new Dice(1, "shuffle").Shuffle(items);
        Assert.NotEqual(Enumerable.Range(0, 50), items);
        Assert.Equal(Enumerable.Range(0, 50), items.Order());
    }
}
