using System.Diagnostics;
using AgentFlow.Cli.Terminals;
using Spectre.Console;

namespace AgentFlow.Cli.Farm;

/// <summary>Shows on stderr how something comes on: a bar with a text on a terminal, now and then the text elsewhere.</summary>
internal static class FarmProgress
{
    private static readonly TimeSpan LineEvery = TimeSpan.FromSeconds(2);

    /// <param name="work">Gets what to call with how much is done, of how much, and what to say.</param>
    public static async Task<T> ShowAsync<T>(Terminal terminal, string title, Func<Action<double, double, string>, Task<T>> work)
    {
        if (terminal.HasErrorScreen)
        {
            T result = default!;
            await terminal.ErrorScreen.Progress()
                .AutoClear(true)
                .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn(), new SpinnerColumn())
                .StartAsync(async context =>
                {
                    ProgressTask bar = context.AddTask(Markup.Escape(title));
                    result = await work((done, all, text) =>
                    {
                        bar.MaxValue = all;
                        bar.Value = done;
                        bar.Description = Markup.Escape(text);
                    });
                });
            return result;
        }

        long last = 0;
        string said = "";
        return await work((_, _, text) =>
        {
            if (text != said && (last == 0 || Stopwatch.GetElapsedTime(last) >= LineEvery))
            {
                last = Stopwatch.GetTimestamp();
                said = text;
                terminal.Note(text);
            }
        });
    }
}
