using System.Diagnostics;
using Spectre.Console;

namespace AgentFlow.Cli.Terminals;

/// <summary>Shows on stderr how far a number of rows has come: a bar on a terminal, now and then a line elsewhere.</summary>
internal static class RowProgress
{
    private static readonly TimeSpan LineEvery = TimeSpan.FromSeconds(2);

    /// <param name="work">Gets what to call for each finished row.</param>
    public static async Task ShowAsync(Terminal terminal, string title, int rows, Func<Action, Task> work)
    {
        if (!terminal.HasErrorScreen)
        {
            await ShowLinesAsync(terminal, title, rows, work);
            return;
        }

        await terminal.ErrorScreen.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn(), new SpinnerColumn())
            .StartAsync(async context =>
            {
                ProgressTask bar = context.AddTask(Markup.Escape(title), maxValue: rows);
                await work(() => bar.Increment(1));
            });
    }

    private static async Task ShowLinesAsync(Terminal terminal, string title, int rows, Func<Action, Task> work)
    {
        int done = 0;
        long last = Stopwatch.GetTimestamp();
        await work(() =>
        {
            done++;
            if (Stopwatch.GetElapsedTime(last) >= LineEvery && done < rows)
            {
                last = Stopwatch.GetTimestamp();
                terminal.Note($"{title}: {done} of {rows}");
            }
        });
    }
}
