using AgentFlow.Models.Text;

namespace AgentFlow.Models.Tests.Text;

public class TextTests
{
    [Theory]
    [InlineData("I can't log-in!!", "i cant log in"), InlineData("Order 92218, error E14", "order # error e14"), InlineData("I don’t", "i dont")]
    [InlineData("'quoted' rock 'n' roll", "quoted rock n roll"), InlineData("Ça va? ÉTÉ", "ça va été"), InlineData("", ""), InlineData(" … ", "")]
    public void Words_Text_AreLowerCaseRuns(string text, string expected) => Assert.Equal(expected, string.Join(' ', Words.Of(text)));

    // From the vocabulary that Porter published with the algorithm.
    [Theory]
    [InlineData("caresses", "caress"), InlineData("ponies", "poni"), InlineData("cats", "cat"), InlineData("feed", "feed"), InlineData("agreed", "agre")]
    [InlineData("plastered", "plaster"), InlineData("bled", "bled"), InlineData("motoring", "motor"), InlineData("sing", "sing"), InlineData("conflated", "conflat")]
    [InlineData("troubled", "troubl"), InlineData("sized", "size"), InlineData("hopping", "hop"), InlineData("falling", "fall"), InlineData("filing", "file")]
    [InlineData("happy", "happi"), InlineData("sky", "sky"), InlineData("relational", "relat"), InlineData("conditional", "condit"), InlineData("rational", "ration")]
    [InlineData("digitizer", "digit"), InlineData("radically", "radic"), InlineData("vietnamization", "vietnam"), InlineData("operator", "oper")]
    [InlineData("hopefulness", "hope"), InlineData("sensibility", "sensibl"), InlineData("triplicate", "triplic"), InlineData("electrical", "electr")]
    [InlineData("goodness", "good"), InlineData("revival", "reviv"), InlineData("adjustment", "adjust"), InlineData("adoption", "adopt"), InlineData("probate", "probat")]
    [InlineData("rate", "rate"), InlineData("cease", "ceas"), InlineData("controll", "control"), InlineData("roll", "roll"), InlineData("generalizations", "gener")]
    [InlineData("oscillators", "oscil"), InlineData("cancellation", "cancel"), InlineData("shipping", "ship"), InlineData("is", "is"), InlineData("e14", "e14"), InlineData("été", "été")]
    public void Stem_Word_IsPorters(string word, string stem) => Assert.Equal(stem, PorterStemmer.Stem(word));

    [Fact]
    public void Sentences_Markdown_AreQuotableByThemselves()
    {
        var sentences = Sentences.Of("""
            ## Heading. Not a sentence

            First one. **Second** one costs 7.90 euros, e.g. monthly. Is this
            the third?

            1. Open the `app`.
            2. Press Go

            | Country | Days |
            | --- | :-: |
            | Iceland, Norway | 5 to 9 |
            """);

        Assert.Equal(
            ["First one.", "Second one costs 7.90 euros, e.g. monthly.", "Is this the third?", "Open the app.", "Press Go", "Country: Iceland, Norway; Days: 5 to 9."],
            sentences);
    }

    [Fact]
    public void ContentStems_Question_KeepsWhatItIsAbout() =>
        Assert.Equal(["refund", "reach", "credit", "card"], StopWords.ContentStems("How would the refunds ever have reached my credit card?"));
}
