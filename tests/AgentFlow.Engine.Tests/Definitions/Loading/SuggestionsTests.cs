using AgentFlow.Engine.Definitions.Loading;

namespace AgentFlow.Engine.Tests.Definitions.Loading;

public class SuggestionsTests
{
    private static readonly string[] Known = ["on_success", "on_error", "timeout", "agent", "max_attempts", "id"];

    [Theory]
    [InlineData("on_sucess", "on_success")]
    [InlineData("onSuccess", "on_success")]
    [InlineData("ON-ERROR", "on_error")]
    [InlineData("tiemout", "timeout")]
    [InlineData("agnet", "agent")]
    [InlineData("maxAttempts", "max_attempts")]
    [InlineData("max_atempt", "max_attempts")]
    public void Nearest_Typo_FindsTheWord(string word, string meant) => Assert.Equal(meant, new Suggestions().Nearest(word, Known));

    [Theory]
    [InlineData("")]
    [InlineData("zz")]
    [InlineData("x")]
    [InlineData("colour")]
    [InlineData("___")]
    public void Nearest_UnrelatedWord_FindsNothing(string word) => Assert.Null(new Suggestions().Nearest(word, Known));

    [Fact]
    public void Nearest_EndlessWord_FindsNothing() => Assert.Null(new Suggestions().Nearest(new string('a', 1_000_000), [new string('a', 1_000_000)]));
}
