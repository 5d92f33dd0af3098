using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace AgentFlow.Server;

/// <summary>Logging to standard error: one line per entry, standard output stays free for whoever hosts the server.</summary>
internal static class Logs
{
    public static ILoggerFactory To(LogLevel level) => LoggerFactory.Create(logging => logging
        .SetMinimumLevel(level)
        // The framework's own remarks (each request, each start) are noise; what it warns of is not.
        .AddFilter("Microsoft", Least(level, LogLevel.Warning))
        .AddFilter("System", Least(level, LogLevel.Warning))
        .AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z' ";
            console.ColorBehavior = LoggerColorBehavior.Disabled;
        })
        .Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace));

    // Whoever asks for debug or trace wants to see the framework too.
    private static LogLevel Least(LogLevel level, LogLevel usual) => level < LogLevel.Information ? level : level > usual ? level : usual;
}
