using System.CommandLine;
using System.Text;
using AgentFlow.Contracts.Json;

namespace AgentFlow.Cli.Json;

/// <summary><c>af json canonicalize [--hash]</c>: standard input to its RFC 8785 form, byte for byte, or to the hash of it.</summary>
internal static class CanonicalizeCommand
{
    public static Command Create()
    {
        var hash = new Option<bool>("--hash") { Description = "Print the SHA-256 of the canonical form instead, in lower-case hexadecimal." };
        var command = new Command("canonicalize", "Read JSON from standard input and write its canonical form (RFC 8785), without a final newline.")
        {
            hash,
        };
        command.SetAction(result =>
        {
            using Stream input = Console.OpenStandardInput();
            using Stream output = Console.OpenStandardOutput();
            return Run(input, output, Console.Error, result.GetValue(hash));
        });
        return command;
    }

    /// <returns>0, or 1 when the input has no canonical form; the reason then stands on <paramref name="error"/>.</returns>
    internal static int Run(Stream input, Stream output, TextWriter error, bool hash)
    {
        try
        {
            using var text = new MemoryStream();
            input.CopyTo(text);
            ReadOnlySpan<byte> json = text.GetBuffer().AsSpan(0, (int)text.Length);
            output.Write(hash ? Encoding.ASCII.GetBytes(CanonicalJson.Hash(json) + "\n") : CanonicalJson.Canonicalize(json));
            output.Flush();
            return 0;
        }
        catch (CanonicalJsonException e)
        {
            error.WriteLine($"af json canonicalize: {e.Message}");
            return 1;
        }
        catch (Exception e) when (e is IOException or OutOfMemoryException)
        {
            error.WriteLine($"af json canonicalize: the input cannot be read as one text of less than 2 GiB: {e.Message}");
            return 1;
        }
    }
}
