using System.Text;
using System.Text.Unicode;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;
using AgentFlow.Engine.Definitions.Loading.Yaml;

namespace AgentFlow.Engine.Agents.Import;

/// <summary>
/// Reads one identity: Markdown under YAML front matter. Finds everything that is wrong with it in one pass, and throws for no
/// content.
/// </summary>
public static class IdentityFile
{
    /// <summary>Most bytes of a file.</summary>
    public const int MaxBytes = LoadLimits.YamlBytes;

    private const string Fence = "---";

    /// <param name="path">Where it stands in its tree, with forward slashes: the category is the first folder, the specialist the last.</param>
    /// <param name="utf8">The whole file.</param>
    public static IdentityRead Read(string path, ReadOnlySpan<byte> utf8)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (utf8.Length > MaxBytes)
        {
            return IdentityRead.Rejected(path, 1, DiagnosticCodes.TooLarge, $"The file is larger than {MaxBytes >> 20} MiB.", "Move what is no identity elsewhere.");
        }

        if (!Utf8.IsValid(utf8))
        {
            return InvalidEncoding(path, utf8);
        }

        YamlText text = YamlText.From(Encoding.UTF8.GetString(utf8));
        if (Divide(text.Text) is not (int bodyStart, int frontEnd))
        {
            return IdentityRead.Rejected(path, 1, "no-front-matter", "The file does not begin with front matter.", $"Begin it with a line '{Fence}', the YAML of the identity, and a second line '{Fence}'.");
        }

        if (frontEnd < 0)
        {
            return IdentityRead.Rejected(path, 1, "open-front-matter", "The front matter does not end.", $"Put a line '{Fence}' behind it.");
        }

        // The same lines, with nothing but the front matter on them: positions stay those of the file.
        YamlText front = YamlText.From(string.Concat(new string(' ', Fence.Length), text.Text.AsSpan(Fence.Length, frontEnd - Fence.Length)));
        var findings = new Findings(path, front);
        YamlNode? root = IsBlank(front.Text) ? null : YamlReader.Read(front, findings);
        RegisteredAgent? agent = null;
        if (root is YamlMapping mapping)
        {
            agent = new IdentityReader(path, findings).Read(mapping, text.Text[bodyStart..].Trim('\n'));
        }
        else if (!findings.HasErrors)
        {
            findings.Error(root?.Offset ?? 0, DiagnosticCodes.WrongType, $"The front matter is {root?.Describe() ?? "nothing"}, not a mapping.", "Write keys and values, at least 'name: …'.");
        }

        return new IdentityRead(findings.HasErrors ? null : agent, findings.ToDiagnostics());
    }

    /// <summary>Where the text behind the front matter begins, and where the front matter ends; -1 when it does not.</summary>
    private static (int BodyStart, int FrontEnd)? Divide(string text)
    {
        int line = LineEnd(text, 0);
        if (!IsFence(text.AsSpan(0, line)))
        {
            return null;
        }

        for (int start = line + 1; start <= text.Length; start = line + 1)
        {
            line = LineEnd(text, start);
            if (IsFence(text.AsSpan(start, line - start)))
            {
                return (Math.Min(line + 1, text.Length), start);
            }
        }

        return (text.Length, -1);
    }

    private static int LineEnd(string text, int start) => text.IndexOf('\n', start) is var end and >= 0 ? end : text.Length;

    private static bool IsFence(ReadOnlySpan<char> line) => line.TrimEnd() is Fence;

    private static bool IsBlank(string text) => string.IsNullOrWhiteSpace(text);

    private static IdentityRead InvalidEncoding(string path, ReadOnlySpan<byte> utf8)
    {
        int line = 1;
        ReadOnlySpan<byte> rest = utf8;
        while (Rune.DecodeFromUtf8(rest, out Rune rune, out int length) == System.Buffers.OperationStatus.Done)
        {
            line += rune.Value == '\n' ? 1 : 0;
            rest = rest[length..];
        }

        return IdentityRead.Rejected(path, line, DiagnosticCodes.InvalidEncoding, $"The byte 0x{rest[0]:X2} is not UTF-8.", "Save the file as UTF-8.");
    }
}

/// <summary>What became of reading a file.</summary>
/// <param name="Agent">The identity, without an id unless the file gives one; <see langword="null"/> when the diagnostics have errors.</param>
public sealed record IdentityRead(RegisteredAgent? Agent, IReadOnlyList<Diagnostic> Diagnostics)
{
    internal static IdentityRead Rejected(string path, int line, string code, string message, string remedy) => new(null, [new Diagnostic(path, line, 1, code, message, remedy)]);
}
