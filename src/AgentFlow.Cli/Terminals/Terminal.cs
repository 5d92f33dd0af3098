using System.Text;
using Spectre.Console;

namespace AgentFlow.Cli.Terminals;

/// <summary>
/// Where a command writes. Results go to stdout; progress and remarks go to stderr, so that a pipe sees results only.
/// Colours, borders and moving lines appear only on a terminal.
/// </summary>
internal sealed class Terminal
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false);
    private readonly Lazy<IAnsiConsole> _screen;
    private readonly Lazy<IAnsiConsole> _errorScreen;

    public Terminal(OutputFormat format, bool noColor)
    {
        IsJson = format == OutputFormat.Json;
        bool isDumb = Environment.GetEnvironmentVariable("TERM") is "dumb" or "" or null;
        HasScreen = !Console.IsOutputRedirected && !isDumb;
        HasErrorScreen = !Console.IsErrorRedirected && !isDumb;
        // https://no-color.org: any value but the empty one.
        bool colorless = noColor || Environment.GetEnvironmentVariable("NO_COLOR") is { Length: > 0 };
        Out = new StreamWriter(Console.OpenStandardOutput(), Utf8) { AutoFlush = true };
        Error = new StreamWriter(Console.OpenStandardError(), Utf8) { AutoFlush = true };
        _screen = new(() => Open(Out, HasScreen, colorless));
        _errorScreen = new(() => Open(Error, HasErrorScreen, colorless));
    }

    public bool IsJson { get; }

    /// <summary>Whether stdout is a terminal that can show more than plain lines.</summary>
    public bool HasScreen { get; }

    /// <summary>Whether stderr is one.</summary>
    public bool HasErrorScreen { get; }

    public TextWriter Out { get; }

    public TextWriter Error { get; }

    /// <summary>Styled stdout; only where <see cref="HasScreen"/>.</summary>
    public IAnsiConsole Screen => _screen.Value;

    /// <summary>Styled stderr; only where <see cref="HasErrorScreen"/>.</summary>
    public IAnsiConsole ErrorScreen => _errorScreen.Value;

    /// <summary>A line for a reader: on stdout, unless that is for a program.</summary>
    public void Say(string line, Tone tone = Tone.Plain) => Write(line, tone, toError: IsJson);

    /// <summary>A remark beside the result: on stderr.</summary>
    public void Note(string line, Tone tone = Tone.Faint) => Write(line, tone, toError: true);

    /// <summary>The styled screen that results, or remarks beside them, go to; <see langword="null"/> where there is none.</summary>
    public IAnsiConsole? ScreenFor(bool beside) => beside || IsJson ? (HasErrorScreen ? ErrorScreen : null) : HasScreen ? Screen : null;

    private static IAnsiConsole Open(TextWriter writer, bool isScreen, bool colorless) => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Out = new AnsiConsoleOutput(writer),
        Ansi = isScreen ? AnsiSupport.Yes : AnsiSupport.No,
        ColorSystem = colorless || !isScreen ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
        Interactive = isScreen ? InteractionSupport.Yes : InteractionSupport.No,
    });

    private void Write(string line, Tone tone, bool toError)
    {
        if (tone != Tone.Plain && ScreenFor(toError) is { } screen)
        {
            screen.Write(new Text(line + Environment.NewLine, tone.Style()));
        }
        else
        {
            (toError ? Error : Out).WriteLine(line);
        }
    }
}
