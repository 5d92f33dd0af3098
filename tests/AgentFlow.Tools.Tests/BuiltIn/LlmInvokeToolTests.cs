using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Ports;
using AgentFlow.Tools.BuiltIn;

namespace AgentFlow.Tools.Tests.BuiltIn;

public class LlmInvokeToolTests
{
    private readonly ScriptedModel _model = new();

    [Fact]
    public async Task InvokeAsync_FullInput_AsksForExactlyThat()
    {
        await Tool().Run("""
            {
              "prompt": "Classify", "system": "You classify.", "max_tokens": 50, "response_schema": { "type": "object" },
              "model": { "provider": "openai", "model": "gpt", "temperature": 0.1 }
            }
            """);

        ModelRequest request = _model.Asked!;
        Assert.Equal(("openai", "gpt", "You classify.", 0.1, 50), (request.Provider, request.Model, request.System, request.Temperature, request.MaxTokens));
        Assert.Equal([new ModelMessage(ModelRole.User, "Classify")], request.Messages);
        // Read after the input's document is gone.
        Assert.Equal("object", request.ResponseSchema!.Value.GetProperty("type").GetString());
    }

    [Fact]
    public async Task InvokeAsync_PromptAlone_LeavesTheRestToTheHost()
    {
        await Tool().Run("""{"prompt":"Analyze: x"}""");

        ModelRequest request = _model.Asked!;
        Assert.Null(request.Provider);
        Assert.Null(request.Model);
        Assert.Null(request.System);
        Assert.Null(request.Temperature);
        Assert.Null(request.MaxTokens);
        Assert.Null(request.ResponseSchema);
    }

    [Fact]
    public async Task InvokeAsync_Answer_CarriesTextTokensAndCost()
    {
        _model.Answer = new ModelAnswer { Text = "é \"x\"", Provider = "openai", Model = "gpt-1", InputTokens = 10, OutputTokens = 3, CostNanoDollars = 42 };

        StepOutcome outcome = await Tool().Run("""{"prompt":"p"}""");

        Assert.Equal("""{"text":"é \"x\"","provider":"openai","model":"gpt-1","input_tokens":10,"output_tokens":3}""", outcome.Text());
        Assert.Equal((42, 10, 3, "openai"), (outcome.CostNanoDollars, outcome.InputTokens, outcome.OutputTokens, outcome.Provider));
    }

    [Fact]
    public async Task InvokeAsync_ResponseSchema_ParsesTheAnswer()
    {
        _model.Answer = new ModelAnswer { Text = """ { "label": "billing" } """, Provider = "p", Model = "m" };

        JsonElement output = (await Tool().Run("""{"prompt":"p","response_schema":{}}""")).Json();

        Assert.Equal("billing", output.GetProperty("json").GetProperty("label").GetString());
    }

    [Theory]
    [InlineData("no json")]
    [InlineData("")]
    [InlineData("{\"a\":1} and more")]
    public async Task InvokeAsync_AnswerIsNoJson_FailsAndStillCosts(string text)
    {
        _model.Answer = new ModelAnswer { Text = text, Provider = "p", Model = "m", OutputTokens = 5, CostNanoDollars = 9 };

        StepOutcome outcome = await Tool().Run("""{"prompt":"p","response_schema":true}""");

        Assert.Equal("MODEL_ANSWER_INVALID", outcome.Error!.Code);
        Assert.True(outcome.Error.Retryable);
        Assert.Equal((9, 5), (outcome.CostNanoDollars, outcome.OutputTokens));
    }

    [Fact]
    public async Task InvokeAsync_ModelFails_PassesTheErrorAndTheCostOn()
    {
        var error = new StepError("MODEL_OVERLOADED", ErrorCategory.Transient, "busy", TimeSpan.FromSeconds(3));
        _model.Answer = new ModelAnswer { Error = error, Provider = "openai", InputTokens = 7, CostNanoDollars = 1 };

        StepOutcome outcome = await Tool().Run("""{"prompt":"p"}""");

        Assert.Same(error, outcome.Error);
        Assert.Equal((1, 7, "openai"), (outcome.CostNanoDollars, outcome.InputTokens, outcome.Provider));
    }

    [Theory]
    [InlineData("{}", "input.prompt: is required")]
    [InlineData("""{"prompt":" \n"}""", "input.prompt: must not be blank")]
    [InlineData("""{"prompt":"p","model":"gpt"}""", "input.model: must be an object, not a string")]
    [InlineData("""{"prompt":"p","model":{"provider":""}}""", "input.model.provider: must not be empty")]
    [InlineData("""{"prompt":"p","model":{"temperature":2.1}}""", "input.model.temperature: must be a number from 0 to 2, not 2.1")]
    [InlineData("""{"prompt":"p","model":{"temprature":1}}""", "input.model.temprature: is no field here (did you mean 'temperature'?)")]
    [InlineData("""{"prompt":"p","max_tokens":0}""", "input.max_tokens")]
    [InlineData("""{"prompt":"p","max_tokens":1.5}""", "input.max_tokens")]
    [InlineData("""{"prompt":"p","response_schema":[]}""", "input.response_schema: must be a JSON Schema")]
    [InlineData("""{"prompt":"p","messages":[]}""", "input.messages: is no field here")]
    public async Task InvokeAsync_BadInput_NamesTheFieldAndAsksNobody(string input, string expected)
    {
        StepError error = (await Tool().Run(input)).Error!;

        Assert.Equal("VALIDATION_FAILED", error.Code);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Null(_model.Asked);
    }

    [Fact]
    public async Task InvokeAsync_ModelThatNeverAnswers_EndsAtThePolicysLimit()
    {
        var time = new ManualTime();
        _model.Hangs = true;
        Task<StepOutcome> run = Skill.Create(LlmInvokeTool.Define(_model, time), ToolPolicy.GrantAll with { TimeLimit = TimeSpan.FromSeconds(9) }).Run("""{"prompt":"p"}""");

        Assert.Equal(TimeSpan.FromSeconds(9), await time.NextWait());
        time.Advance(TimeSpan.FromSeconds(9));

        Assert.Equal("STEP_TIMEOUT", (await run).Error!.Code);
    }

    private ITool Tool() => Skill.Create(LlmInvokeTool.Define(_model, TimeProvider.System));

    private sealed class ScriptedModel : IModelInvoker
    {
        public ModelAnswer Answer { get; set; } = new() { Text = "{}", Provider = "p", Model = "m" };

        public bool Hangs { get; set; }

        public ModelRequest? Asked { get; private set; }

        public async ValueTask<ModelAnswer> InvokeAsync(ModelRequest request, CancellationToken cancellationToken)
        {
            Asked = request;
            if (Hangs)
                await Task.Delay(Timeout.Infinite, cancellationToken);
            return Answer;
        }
    }
}
