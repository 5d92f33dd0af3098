using System.Text;

namespace AgentFlow.Cli.Inputs;

/// <summary>Reads the rows of <c>--input</c>: CSV, JSON or JSON Lines, from a file or standard input.</summary>
internal static class InputFile
{
    /// <summary>Everything is read before the first run starts, so that a broken file starts none.</summary>
    public const int MaxBytes = 64 << 20;

    private const string StandardInput = "-";
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <param name="path">A file, or <c>-</c> for standard input.</param>
    /// <exception cref="CliException">The file cannot be read, or not as rows.</exception>
    public static InputRows Read(string path)
    {
        string name = path == StandardInput ? "standard input" : path;
        try
        {
            ReadOnlySpan<byte> utf8 = ToUtf8(name, ReadBytes(path, name));
            if (IsCsv(path, utf8))
            {
                return new InputRows(name, CsvReader.Read(name, StrictUtf8.GetString(utf8)), IsText: true, IsList: true);
            }

            var (rows, isList) = JsonRows.Read(name, utf8);
            return new InputRows(name, rows, IsText: false, isList || IsJsonLines(path));
        }
        catch (InputException e)
        {
            throw CliException.Failed(e.Message);
        }
    }

    private static byte[] ReadBytes(string path, string name)
    {
        try
        {
            using Stream stream = path == StandardInput ? Console.OpenStandardInput() : File.OpenRead(path);
            using var bytes = new MemoryStream();
            byte[] buffer = new byte[1 << 16];
            int read;
            while ((read = stream.Read(buffer)) > 0)
            {
                bytes.Write(buffer, 0, read);
                if (bytes.Length > MaxBytes)
                {
                    throw new InputException($"{name} is larger than {MaxBytes >> 20} MiB. Split it and run the parts one after another.");
                }
            }

            return bytes.ToArray();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Usage($"cannot read {name}: {e.Message}");
        }
    }

    /// <summary>UTF-8 as it is; UTF-16 when a byte order mark says so, as spreadsheets write it.</summary>
    private static ReadOnlySpan<byte> ToUtf8(string name, byte[] bytes)
    {
        if (bytes.AsSpan().StartsWith(Encoding.Unicode.Preamble) || bytes.AsSpan().StartsWith(Encoding.BigEndianUnicode.Preamble))
        {
            Encoding encoding = bytes[0] == 0xFF ? Encoding.Unicode : Encoding.BigEndianUnicode;
            return Encoding.UTF8.GetBytes(encoding.GetString(bytes, 2, bytes.Length - 2));
        }

        ReadOnlySpan<byte> utf8 = bytes.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? bytes.AsSpan(Encoding.UTF8.Preamble.Length) : bytes;
        if (!System.Text.Unicode.Utf8.IsValid(utf8))
        {
            int valid = ValidPrefix(utf8);
            throw new InputException($"{name}:{1 + utf8[..valid].Count((byte)'\n')}: this line is not UTF-8 (byte 0x{utf8[valid]:X2}). Save the file as UTF-8.");
        }

        return utf8;
    }

    private static int ValidPrefix(ReadOnlySpan<byte> utf8)
    {
        int at = 0;
        while (Rune.DecodeFromUtf8(utf8[at..], out _, out int length) == System.Buffers.OperationStatus.Done)
        {
            at += length;
        }

        return at;
    }

    private static bool IsJsonLines(string path) => Path.GetExtension(path).ToLowerInvariant() is ".jsonl" or ".ndjson";

    private static bool IsCsv(string path, ReadOnlySpan<byte> utf8) => Path.GetExtension(path).ToLowerInvariant() switch
    {
        ".csv" or ".tsv" => true,
        ".json" or ".jsonl" or ".ndjson" => false,
        // A header line cannot be told from JSON by its name; but no column is called [ or {.
        _ => utf8.TrimStart(" \t\r\n"u8) is not [(byte)'[' or (byte)'{', ..],
    };
}
