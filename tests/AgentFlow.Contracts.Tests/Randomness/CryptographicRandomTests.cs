using AgentFlow.Contracts.Randomness;

namespace AgentFlow.Contracts.Tests.Randomness;

public sealed class CryptographicRandomTests
{
    [Fact]
    public void NextUInt64_ManyCalls_UsesEveryBitAndNeverRepeats()
    {
        ulong seen = 0, always = ulong.MaxValue;
        var values = new HashSet<ulong>();
        for (int i = 0; i < 1000; i++)
        {
            ulong value = CryptographicRandom.Shared.NextUInt64();
            values.Add(value);
            seen |= value;
            always &= value;
        }

        Assert.Equal(1000, values.Count);
        Assert.Equal(ulong.MaxValue, seen);
        Assert.Equal(0UL, always);
    }

    [Fact]
    public void Fill_TwoSpans_Differ()
    {
        byte[] one = new byte[32], two = new byte[32];
        CryptographicRandom.Shared.Fill(one);
        CryptographicRandom.Shared.Fill(two);
        Assert.NotEqual(one, two);
    }
}
