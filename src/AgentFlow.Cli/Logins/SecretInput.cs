using System.Text;
using AgentFlow.Cli.Terminals;

namespace AgentFlow.Cli.Logins;

/// <summary>
/// Takes secrets from where nobody else sees them: a file, a pipe, or a terminal that does not show what is typed. Never from a
/// command line, which every user of the machine can read.
/// </summary>
internal static class SecretInput
{
    private const int MaxCharacters = 8 * 1024;

    /// <param name="file">The file, <c>-</c> for standard input; <see langword="null"/>: the terminal, or standard input where there is none.</param>
    /// <exception cref="CliException">It cannot be read, or is empty.</exception>
    public static async Task<string> ReadAsync(string? file, string prompt, Terminal terminal, CancellationToken cancelled)
    {
        string secret = file is null && !Console.IsInputRedirected ? Ask(prompt, terminal) : await FromFileAsync(file ?? "-", cancelled);
        return secret.Length > 0 ? secret : throw CliException.Usage("the password is empty.");
    }

    /// <summary>A line that may be seen.</summary>
    public static string AskOpenly(string prompt, string option, Terminal terminal)
    {
        if (Console.IsInputRedirected)
        {
            throw CliException.Usage($"nobody can be asked here: give {option}.");
        }

        terminal.Error.Write(prompt);
        return Console.ReadLine()?.Trim() is { Length: > 0 } line ? line : throw CliException.Usage($"nothing was given; {option} says it too.");
    }

    private static string Ask(string prompt, Terminal terminal)
    {
        terminal.Error.Write(prompt);
        var typed = new StringBuilder();
        while (Console.ReadKey(intercept: true) is var key && key.Key != ConsoleKey.Enter)
        {
            if (key.Key == ConsoleKey.Backspace)
            {
                typed.Length = Math.Max(0, typed.Length - 1);
            }
            else if (!char.IsControl(key.KeyChar) && typed.Length < MaxCharacters)
            {
                typed.Append(key.KeyChar);
            }
        }

        terminal.Error.WriteLine();
        return typed.ToString();
    }

    private static async Task<string> FromFileAsync(string file, CancellationToken cancelled)
    {
        try
        {
            using Stream stream = file == "-" ? Console.OpenStandardInput() : File.OpenRead(file);
            using var reader = new StreamReader(stream, new UTF8Encoding(false, throwOnInvalidBytes: true));
            char[] text = new char[MaxCharacters];
            int length = await reader.ReadBlockAsync(text, cancelled);
            return new string(text, 0, length).TrimEnd('\r', '\n');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DecoderFallbackException)
        {
            throw CliException.Usage($"the password cannot be read from {(file == "-" ? "standard input" : file)}: {e.Message}");
        }
    }
}
