using AgentFlow.Contracts.Randomness;

namespace AgentFlow.Contracts.Tests.Randomness;

public sealed class SeededRandomTests
{
    [Fact]
    public void NextUInt64_ReferenceState_GivesThePublishedSequence()
    {
        var random = new SeededRandom(1, 2, 3, 4);
        ulong[] expected =
        [
            11520, 0, 1509978240, 1215971899390074240, 1216172134540287360,
            607988272756665600, 16172922978634559625, 8476171486693032832, 10595114339597558777, 2904607092377533576,
        ];
        Assert.Equal(expected, Enumerable.Range(0, expected.Length).Select(_ => random.NextUInt64()));
    }

    [Fact]
    public void SplitMix64_ReferenceSeed_GivesThePublishedSequence()
    {
        ulong state = 1234567;
        ulong[] expected =
        [
            6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
        ];
        Assert.Equal(expected, Enumerable.Range(0, expected.Length).Select(_ => SeededRandom.SplitMix64(ref state)));
    }

    [Fact]
    public void NextUInt64_SameSeed_SameSequence()
    {
        var one = new SeededRandom(42);
        var two = new SeededRandom(42);
        var other = new SeededRandom(43);
        ulong[] first = [.. Enumerable.Range(0, 100).Select(_ => one.NextUInt64())];
        Assert.Equal(first, Enumerable.Range(0, 100).Select(_ => two.NextUInt64()));
        Assert.NotEqual(first, Enumerable.Range(0, 100).Select(_ => other.NextUInt64()));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(19)]
    public void Fill_AnyLength_IsTheLittleEndianPrefixOfTheValues(int length)
    {
        byte[] filled = new byte[length];
        new SeededRandom(7).Fill(filled);

        var random = new SeededRandom(7);
        byte[] values = [.. Enumerable.Range(0, 3).SelectMany(_ => BitConverter.GetBytes(random.NextUInt64()))];
        Assert.Equal(values[..length], filled);
    }
}
