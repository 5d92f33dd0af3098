using System.Text;
using System.Text.Unicode;
using AgentFlow.Engine.Definitions.Loading.Keys;
using AgentFlow.Engine.Definitions.Loading.Parts;
using AgentFlow.Engine.Definitions.Loading.Yaml;

namespace AgentFlow.Engine.Definitions.Loading;

/// <summary>Reads workflow files and what they list under <c>assets</c> from disk.</summary>
public static class WorkflowFiles
{
    /// <summary>
    /// Reads a file and its assets; folders with all that is below them. Nothing outside of the file's folder is read, not
    /// through links either. Throws for no file and no content.
    /// </summary>
    /// <param name="path">The workflow file.</param>
    public static ReadResult Read(string path)
    {
        byte[] bytes;
        try
        {
            using FileStream stream = File.OpenRead(path);
            bytes = ReadAtMost(stream, LoadLimits.YamlBytes + 1);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return new ReadResult(null, [new Diagnostic(path, 1, 1, DiagnosticCodes.FileUnreadable, $"The file cannot be read: {e.Message}", "Check the path and its permissions.")]);
        }

        if (bytes.Length > LoadLimits.YamlBytes)
        {
            return new ReadResult(null, [WorkflowLoader.TooLarge(path)]);
        }

        if (!Utf8.IsValid(bytes))
        {
            return new ReadResult(null, [InvalidEncoding(path, bytes)]);
        }

        YamlText text = YamlText.From(Encoding.UTF8.GetString(bytes));
        var findings = new Findings(path, text);
        var files = new AssetFiles(Path.GetDirectoryName(Path.GetFullPath(path))!, findings);
        foreach (YamlScalar asset in ListedAssets(path, text))
        {
            files.Add(asset);
        }

        string yaml = Encoding.UTF8.GetString(bytes).TrimStart('\uFEFF');
        return new ReadResult(new WorkflowSource(yaml, new WorkflowAssets(files.Content), path), findings.ToDiagnostics());
    }

    /// <summary>At most so many bytes, whatever the file says its length is.</summary>
    internal static byte[] ReadAtMost(Stream stream, int most)
    {
        using var content = new MemoryStream();
        byte[] buffer = new byte[16 * 1024];
        for (int read; content.Length < most && (read = stream.Read(buffer, 0, (int)Math.Min(buffer.Length, most - content.Length))) > 0;)
        {
            content.Write(buffer, 0, read);
        }

        return content.ToArray();
    }

    /// <summary>The usable paths under <c>assets</c>; what is wrong with the file is for the loader to say.</summary>
    private static IReadOnlyList<YamlScalar> ListedAssets(string path, YamlText text)
    {
        var unreported = new Findings(path, text);
        return YamlReader.Read(text, unreported) is YamlMapping mapping
            ? AssetList.Read(Fields.Of(mapping, mapping.Offset, KeySet.Workflow, unreported), unreported)
            : [];
    }

    private static Diagnostic InvalidEncoding(string path, byte[] bytes)
    {
        int line = 1;
        int column = 1;
        ReadOnlySpan<byte> rest = bytes;
        while (Rune.DecodeFromUtf8(rest, out Rune rune, out int length) == System.Buffers.OperationStatus.Done)
        {
            (line, column) = rune.Value == '\n' ? (line + 1, 1) : (line, column + 1);
            rest = rest[length..];
        }

        return new Diagnostic(path, line, column, DiagnosticCodes.InvalidEncoding, $"The byte 0x{rest[0]:X2} is not UTF-8.", "Save the file as UTF-8.");
    }
}
