using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace AgentFlow.Server;

/// <summary>Logging to standard error: one line per entry, standard output stays free for whoever hosts the server.</summary>
internal static class Logs
{
    /// <param name="level">The least level that is logged, asked each time: it can change.</param>
    public static ILoggerFactory To(Func<LogLevel> level) => LoggerFactory.Create(logging => logging
        .SetMinimumLevel(LogLevel.Trace)
        .AddFilter((category, of) => of >= LeastOf(category, level()))
        .AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z' ";
            console.ColorBehavior = LoggerColorBehavior.Disabled;
        })
        .Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace));

    // The framework's own remarks (each request, each start) are noise; what it warns of is not.
    private static LogLevel LeastOf(string? category, LogLevel level) =>
        category is not null && (category.StartsWith("Microsoft", StringComparison.Ordinal) || category.StartsWith("System", StringComparison.Ordinal)) ? Least(level, LogLevel.Warning) : level;

    // Whoever asks for debug or trace wants to see the framework too.
    private static LogLevel Least(LogLevel level, LogLevel usual) => level < LogLevel.Information ? level : level > usual ? level : usual;
}
