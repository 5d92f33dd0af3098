namespace AgentFlow.Server.Configuration;

/// <summary>Files that only the user of this process may read.</summary>
public static class PrivateFile
{
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Reads a file, after creating it when it does not exist. Processes that start together agree on one content.</summary>
    /// <param name="what">What it is, for messages.</param>
    /// <param name="setting">The setting that names it.</param>
    /// <exception cref="OptionsException">It cannot be read or created, or others may read it.</exception>
    public static string ReadOrCreate(string path, string what, string setting, Func<string> create)
    {
        try
        {
            if (!File.Exists(path))
            {
                Create(path, create());
            }

            CheckOwner(path, what);
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OptionsException([$"{what} {path} cannot be read or created: {e.Message} Name a file that this user may write in {setting}"]);
        }
    }

    /// <exception cref="OptionsException">Others than its owner may read or change it.</exception>
    public static void CheckOwner(string path, string what)
    {
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & ~Owner) is var more && more != 0)
        {
            throw new OptionsException([$"{what} {path} is open to others ({more}): run chmod 600 on it, and replace it if others may have read it"]);
        }
    }

    /// <summary>Writes a file in one piece: a reader and a crash find the old content or the new one.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Replace(string path, ReadOnlySpan<byte> content)
    {
        string made = Write(path, content);
        File.Move(made, path, overwrite: true);
    }

    /// <summary>It is linked into place complete, or somebody else's is there.</summary>
    private static void Create(string path, string content)
    {
        string made = Write(path, System.Text.Encoding.UTF8.GetBytes(content));
        try
        {
            File.Move(made, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(made);
        }
    }

    private static string Write(string path, ReadOnlySpan<byte> content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        string made = $"{path}.{Guid.NewGuid():N}";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = Owner;
        }

        using var file = new FileStream(made, options);
        file.Write(content);
        file.Flush(flushToDisk: true);
        return made;
    }
}
