using AgentFlow.Models.Local;
using AgentFlow.Models.Tests.Support;
using Microsoft.Extensions.AI;

namespace AgentFlow.Models.Tests.Local;

/// <summary><c>local</c> repeats the structured answer of the example that is most like the text.</summary>
public class ImitationTests
{
    private static readonly ChatOptions Format = new()
    {
        ResponseFormat = ChatResponseFormat.ForJsonSchema(
            Definitions.Json("""{"type":"object","properties":{"reasoning":{"type":"string"},"steps":{"type":"array","items":{"type":"object"}}}}"""), "answer"),
    };

    private static readonly ChatMessage[] Examples =
    [
        new(ChatRole.System, "Plan."),
        new(ChatRole.User, """{"input":"restart the failed web server"}"""),
        new(ChatRole.Assistant, """{"steps":[{"step_id":"restart"}]}"""),
        new(ChatRole.User, """{"input":"reboot a hanging server"}"""),
        new(ChatRole.Assistant, """{"steps":[{"step_id":"restart"}]}"""),
        new(ChatRole.User, """{"input":"free disk space by deleting old logs"}"""),
        new(ChatRole.Assistant, """{"steps":[{"step_id":"clean"}]}"""),
        new(ChatRole.User, """{"input":"the disk is full, delete files"}"""),
        new(ChatRole.Assistant, """{"steps":[{"step_id":"clean"}]}"""),
    ];

    [Theory]
    [InlineData("""{"goal":"the web server hangs, restart it","input_fields":["host"]}""", "restart")]
    [InlineData("""{"goal":"delete old logs, the disk is full","input_fields":["host"]}""", "clean")]
    public async Task GetResponse_StructuredExamples_RepeatsTheNearest(string question, string plan)
    {
        string answer = (await new LocalChatClient().GetResponseAsync([.. Examples, new(ChatRole.User, question)], Format, CancellationToken.None)).Text;
        Assert.Equal($$"""{"steps":[{"step_id":"{{plan}}"}]}""", answer);
    }

    [Fact]
    public async Task GetResponse_OneExample_RepeatsIt()
    {
        string answer = (await new LocalChatClient().GetResponseAsync([.. Examples.Take(3), new(ChatRole.User, "anything")], Format, CancellationToken.None)).Text;
        Assert.Equal("""{"steps":[{"step_id":"restart"}]}""", answer);
    }
}
