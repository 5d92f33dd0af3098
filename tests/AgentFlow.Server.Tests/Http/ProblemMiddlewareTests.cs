using System.Text.Json;
using AgentFlow.Server.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Tests.Http;

public sealed class ProblemMiddlewareTests
{
    [Fact]
    public async Task Invoke_UnexpectedException_IsLoggedAndNotTold()
    {
        var log = new ListLogger();
        var context = new DefaultHttpContext { Response = { Body = new MemoryStream() } };
        context.Request.Path = "/api/v1/runs";
        await new ProblemMiddleware(_ => throw new InvalidOperationException("the secret of the house"), log).InvokeAsync(context);

        context.Response.Body.Position = 0;
        JsonElement problem = JsonElement.Parse(((MemoryStream)context.Response.Body).ToArray());
        Assert.Equal(500, context.Response.StatusCode);
        Assert.Equal("INTERNAL_ERROR", problem.GetProperty("code").GetString());
        Assert.DoesNotContain("secret", problem.ToString());
        string trace = problem.GetProperty("trace_id").GetString()!;
        (LogLevel level, string text, Exception? exception) = Assert.Single(log.Entries);
        Assert.Equal(LogLevel.Error, level);
        Assert.Contains(trace, text);
        Assert.Equal("the secret of the house", exception!.Message);
    }

    [Fact]
    public async Task Invoke_ExceptionAfterTheAnswerBegan_BreaksTheConnection()
    {
        var context = new DefaultHttpContext();
        context.Features.Set<Microsoft.AspNetCore.Http.Features.IHttpResponseFeature>(new StartedResponse());
        var lifetime = new Lifetime();
        context.Features.Set<Microsoft.AspNetCore.Http.Features.IHttpRequestLifetimeFeature>(lifetime);
        await new ProblemMiddleware(_ => throw new InvalidOperationException("late"), new ListLogger()).InvokeAsync(context);
        Assert.True(lifetime.Aborted);
    }

    private sealed class StartedResponse : Microsoft.AspNetCore.Http.Features.HttpResponseFeature
    {
        public override bool HasStarted => true;
    }

    private sealed class Lifetime : Microsoft.AspNetCore.Http.Features.IHttpRequestLifetimeFeature
    {
        public bool Aborted { get; private set; }

        public CancellationToken RequestAborted { get; set; }

        public void Abort() => Aborted = true;
    }

    private sealed class ListLogger : ILogger
    {
        public List<(LogLevel, string, Exception?)> Entries { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Entries.Add((logLevel, formatter(state, exception), exception));
    }
}
