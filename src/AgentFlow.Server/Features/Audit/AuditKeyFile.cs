using AgentFlow.Engine.Audit;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Server.Features.Audit;

/// <summary>The file with the key that signs checkpoints.</summary>
internal static class AuditKeyFile
{
    /// <summary>Reads the key, after creating one when the file does not exist.</summary>
    /// <exception cref="OptionsException">The file cannot be read or created, others may read it, or it holds no key that signs.</exception>
    public static AuditKey Open(string path)
    {
        try
        {
            if (!File.Exists(path))
            {
                Create(path);
            }

            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & ~(UnixFileMode.UserRead | UnixFileMode.UserWrite)) is var more && more != 0)
            {
                throw new OptionsException([$"the audit key {path} is open to others ({more}): run chmod 600 on it, and replace the key if others may have read it"]);
            }

            var key = AuditKey.Parse(File.ReadAllText(path));
            return key.CanSign ? key : throw new FormatException("there is no private key in it");
        }
        catch (FormatException e)
        {
            throw new OptionsException([$"the audit key {path} cannot be used: {e.Message}. Put the PEM of an ECDSA P-256 key there, or name another file in AF_AUDIT_KEY; a file that does not exist is created"]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OptionsException([$"the audit key {path} cannot be read or created: {e.Message} Name a file that this user may write in AF_AUDIT_KEY"]);
        }
    }

    /// <summary>Processes that start together agree on one key: it is linked into place complete, or somebody else's is there.</summary>
    private static void Create(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        string made = $"{path}.{Guid.NewGuid():N}";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using (var file = new FileStream(made, options))
        {
            file.Write(System.Text.Encoding.ASCII.GetBytes(AuditKey.NewPem()));
            file.Flush(flushToDisk: true);
        }

        try
        {
            File.Move(made, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(made);
        }
    }
}
