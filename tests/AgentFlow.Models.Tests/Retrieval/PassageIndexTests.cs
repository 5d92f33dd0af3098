using AgentFlow.Models.Retrieval;

namespace AgentFlow.Models.Tests.Retrieval;

public class PassageIndexTests
{
    private static readonly Passage[] Passages =
    [
        new("b", "Delivery", "Parcels to Norway take nine days."),
        new("a", "Delivery", "Parcels to Norway take nine days."),
        new("c", "Payment", "Cards and vouchers are accepted, parcels are not."),
        new("d", "Norway", "A country."),
    ];

    [Fact]
    public void Search_Query_RanksByFit()
    {
        var hits = new PassageIndex(Passages).Search("paying with cards", 3);

        Assert.Equal("c", hits[0].Passage.Id);
    }

    [Fact]
    public void Search_EqualScores_AreOrderedById()
    {
        var hits = new PassageIndex(Passages).Search("parcels norway days", 2);

        Assert.Equal(["a", "b"], hits.Select(h => h.Passage.Id));
        Assert.Equal(hits[0].Score, hits[1].Score);
    }

    [Fact]
    public void Search_WordInATitle_OutweighsOneInTheText() => Assert.Equal("d", new PassageIndex(Passages).Search("norway", 1)[0].Passage.Id);

    [Fact]
    public void Search_UnknownWords_LowerTheScore()
    {
        var index = new PassageIndex(Passages);

        Assert.True(index.Search("norway parcels unicorn", 1)[0].Score < index.Search("norway parcels", 1)[0].Score);
    }

    [Fact]
    public void Search_AnyText_ScoresBetweenZeroAndOne()
    {
        var index = new PassageIndex([new("x", "x x x x", string.Join(' ', Enumerable.Repeat("norway", 1000))), .. Passages]);

        Assert.All(index.Search("norway", 10), hit => Assert.InRange(hit.Score, 0.0001, 1));
    }

    [Theory, InlineData(""), InlineData("the and of"), InlineData("unicorn"), InlineData("12345")]
    public void Search_NothingToFind_GivesNothing(string query) => Assert.Empty(new PassageIndex(Passages).Search(query, 3));

    [Fact]
    public void Search_NoPassages_GivesNothing() => Assert.Empty(new PassageIndex([]).Search("norway", 3));
}
