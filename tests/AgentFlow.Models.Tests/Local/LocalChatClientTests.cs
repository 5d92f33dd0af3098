using System.Text.Json;
using AgentFlow.Models.Local;
using AgentFlow.Models.Providers;
using AgentFlow.Models.Tests.Support;
using Microsoft.Extensions.AI;

namespace AgentFlow.Models.Tests.Local;

public class LocalChatClientTests
{
    private static readonly ChatOptions Labels = Format(
        """{"type":"object","properties":{"label":{"type":"string","enum":["fruit","tool"]},"confidence":{"type":"number"}},"required":["label"]}""");

    private static readonly ChatOptions Answers = Format(
        """{"type":"object","properties":{"reply":{"type":"string"},"sources":{"type":"array","items":{"type":"string"}},"score":{"type":"number"}}}""");

    [Fact]
    public async Task GetResponse_LabelledExamples_ClassifiesLikeThem()
    {
        var answer = await AskAsync(Chat("a ripe pear"), Labels);

        Assert.Equal("fruit", answer.GetProperty("label").GetString());
        Assert.InRange(answer.GetProperty("confidence").GetDouble(), 0.5, 1);
    }

    [Fact]
    public async Task GetResponse_TextLikeNoExample_IsUnsure()
    {
        double near = (await AskAsync(Chat("sweet ripe apple"), Labels)).GetProperty("confidence").GetDouble();
        double far = (await AskAsync(Chat("гололедица завтра"), Labels)).GetProperty("confidence").GetDouble();

        Assert.True(far < near, $"{far} is not below {near}");
        Assert.InRange(far, 0.5, 0.65);
    }

    [Fact]
    public async Task GetResponse_UnknownWordsAroundAKnownOne_MakeItLessSure()
    {
        double alone = (await AskAsync(Chat("steel hammer"), Labels)).GetProperty("confidence").GetDouble();
        double lost = (await AskAsync(Chat("steel hammer завтра будет гололедица на дорогах"), Labels)).GetProperty("confidence").GetDouble();

        Assert.InRange(lost, 0.5, alone - 0.02);
    }

    [Fact]
    public async Task GetResponse_DescribedLabels_LearnsFromTheDescription()
    {
        ChatMessage[] chat = [new(ChatRole.System, "Sort things.\n- fruit: quince, medlar\n- tool: adze, spokeshave"), .. Chat("spokeshave")];

        Assert.Equal("tool", (await AskAsync(chat, Labels)).GetProperty("label").GetString());
    }

    [Fact]
    public async Task GetResponse_SameChat_GivesTheSameBytesOnEveryThread()
    {
        ChatMessage[] chat = Chat("a long saw for the pear tree");
        string first = (await new LocalChatClient().GetResponseAsync(chat, Labels, CancellationToken.None)).Text;
        var shared = new LocalChatClient();

        string[] all = await Task.WhenAll(Enumerable.Range(0, 64).Select(i => Task.Run(async () =>
            (await (i % 2 == 0 ? shared : new LocalChatClient()).GetResponseAsync(chat, Labels, CancellationToken.None)).Text)));

        Assert.All(all, text => Assert.Equal(first, text));
    }

    [Fact]
    public async Task GetResponse_ChangedExamples_AreLearntAnew()
    {
        var client = new LocalChatClient();
        ChatMessage[] swapped = [.. Chat("a ripe pear").Select(m => new ChatMessage(m.Role, Swap(m.Text)))];

        string before = (await client.GetResponseAsync(Chat("a ripe pear"), Labels, CancellationToken.None)).Text;
        string after = (await client.GetResponseAsync(swapped, Labels, CancellationToken.None)).Text;

        Assert.Contains("fruit", before, StringComparison.Ordinal);
        Assert.Contains("tool", after, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GetResponse_MoreExamplesThanItLearnsFrom_SaysHowMany()
    {
        ChatMessage[] chat = [.. Enumerable.Range(0, 1001).SelectMany(i => Pair($"thing number {i}", "tool")), new(ChatRole.User, "x")];

        var e = await Assert.ThrowsAsync<ModelException>(() => new LocalChatClient().GetResponseAsync(chat, Labels, CancellationToken.None));

        Assert.Contains("at most 1000", e.Error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GetResponse_Passages_QuotesAndCitesThem()
    {
        var answer = await AskAsync(
            [new(ChatRole.User, """
                {"message":"How long does delivery to Norway take?","found":{"passages":[
                  {"id":"pay","title":"Payment","text":"Cards are accepted.","score":0.1},
                  {"id":"ship","title":"Delivery times","text":"We use two carriers. Delivery to Norway takes nine days.","score":0.6}]}}
                """)],
            Answers);

        Assert.Equal("Delivery to Norway takes nine days.", answer.GetProperty("reply").GetString());
        Assert.Equal(["ship"], answer.GetProperty("sources").EnumerateArray().Select(s => s.GetString()));
        Assert.InRange(answer.GetProperty("score").GetDouble(), 0.4, 0.71);
    }

    [Theory]
    [InlineData("""{"message":"What about unicorns?","passages":[{"id":"a","title":"Cats","text":"Cats sleep."}]}""")]
    [InlineData("""{"message":"Anything?","passages":[]}"""), InlineData("""{"message":"?","passages":["Cats sleep."]}""")]
    public async Task GetResponse_PassagesWithoutAnAnswer_IsEmptyWithConfidenceZero(string input)
    {
        var answer = await AskAsync([new(ChatRole.User, input)], Answers);

        Assert.Equal(("", 0, 0), (answer.GetProperty("reply").GetString(), answer.GetProperty("sources").GetArrayLength(), answer.GetProperty("score").GetDouble()));
    }

    [Theory]
    [InlineData("Write a poem about the sea."), InlineData("""{"passages":[{"id":"a","text":"No question here."}]}"""), InlineData("{broken")]
    public async Task GetResponse_AnythingElse_SaysWhatItCanDo(string input)
    {
        var e = await Assert.ThrowsAsync<ModelException>(() => new LocalChatClient().GetResponseAsync([new ChatMessage(ChatRole.User, input)], null, CancellationToken.None));

        Assert.Equal("MODEL_REQUEST_REJECTED", e.Error.Code);
        Assert.Contains("can only classify a text by examples", e.Error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GetStreamingResponse_Chat_GivesTheSameText()
    {
        var client = new LocalChatClient();
        string text = "";
        await foreach (var update in client.GetStreamingResponseAsync(Chat("hammer"), Labels, CancellationToken.None))
            text += update.Text;

        Assert.Equal((await client.GetResponseAsync(Chat("hammer"), Labels, CancellationToken.None)).Text, text);
    }

    private static ChatMessage[] Chat(string text) =>
    [
        .. Pair("a sweet apple", "fruit"), .. Pair("ripe plums and pears", "fruit"), .. Pair("{\"message\":\"a bunch of grapes\"}", "fruit"),
        .. Pair("a steel hammer", "tool"), .. Pair("a saw with long teeth", "tool"), .. Pair("{\"message\":\"screwdriver\"}", "tool"),
        new(ChatRole.User, text),
    ];

    private static ChatMessage[] Pair(string text, string label) => [new(ChatRole.User, text), new(ChatRole.Assistant, $$"""{"label":"{{label}}"}""")];

    private static string Swap(string text) =>
        text.Replace("\"fruit\"", "\"?\"", StringComparison.Ordinal).Replace("\"tool\"", "\"fruit\"", StringComparison.Ordinal).Replace("\"?\"", "\"tool\"", StringComparison.Ordinal);

    private static ChatOptions Format(string schema) => new() { ResponseFormat = ChatResponseFormat.ForJsonSchema(Definitions.Json(schema), "answer") };

    private static async Task<JsonElement> AskAsync(ChatMessage[] chat, ChatOptions options)
    {
        var response = await new LocalChatClient().GetResponseAsync(chat, options, CancellationToken.None);
        Assert.Equal("few-shot", response.ModelId);
        return Definitions.Json(response.Text);
    }
}
