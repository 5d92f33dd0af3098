using AgentFlow.Engine.Secrets;
using Microsoft.Extensions.Logging;

namespace AgentFlow.Server.Features.Secrets;

/// <summary>Takes secrets out of what is logged, messages and exceptions, whoever logs it.</summary>
internal sealed class MaskedLogs(ILoggerFactory inner, SecretMask mask) : ILoggerFactory
{
    public ILogger CreateLogger(string categoryName) => new MaskedLog(inner.CreateLogger(categoryName), mask);

    public void AddProvider(ILoggerProvider provider) => inner.AddProvider(provider);

    public void Dispose() => inner.Dispose();

    private sealed class MaskedLog(ILogger inner, SecretMask mask) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => inner.BeginScope(state);

        public bool IsEnabled(LogLevel logLevel) => inner.IsEnabled(logLevel);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (mask.IsEmpty || !inner.IsEnabled(logLevel))
            {
                inner.Log(logLevel, eventId, state, exception, formatter);
                return;
            }

            string said = formatter(state, exception);
            string thrown = exception?.ToString() ?? "";
            string clean = mask.Text(said);
            string cleanThrown = mask.Text(thrown);
            if (ReferenceEquals(said, clean) && ReferenceEquals(thrown, cleanThrown))
            {
                inner.Log(logLevel, eventId, state, exception, formatter);
                return;
            }

            // The exception itself would be written as it is.
            inner.Log(logLevel, eventId, $"{clean} {cleanThrown}".TrimEnd(), null, static (text, _) => text);
        }
    }
}
