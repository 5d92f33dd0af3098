using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentFlow.Client;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Cli.Logins;

/// <summary>
/// The login to one server, in a file that only this user can read, under <c>$XDG_CONFIG_HOME/agentflow/logins</c> (else
/// <c>~/.config</c>, on Windows the application data).
/// </summary>
internal sealed class LoginFile
{
    private static readonly TimeSpan LockTries = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestLock = TimeSpan.FromSeconds(30);

    private readonly string _path;

    public LoginFile(ServerAddress server)
    {
        Server = server;
        // The name is for people, the hash tells servers apart that would be written alike.
        string address = server.ToString();
        string name = new([.. (server.SocketPath is null ? server.BaseAddress.Authority : Path.GetFileName(server.SocketPath)).Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' ? c : '_')]);
        _path = Path.Combine(Folder, $"{name}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(address)))[..12]}.json");
    }

    public ServerAddress Server { get; }

    private static string Folder => Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData, Environment.SpecialFolderOption.DoNotVerify) is { Length: > 0 } settings
            ? settings
            : throw CliException.Usage("there is no place for logins: set HOME or XDG_CONFIG_HOME, or use AF_TOKEN."),
        "agentflow",
        "logins");

    /// <summary>The login; <see langword="null"/> when there is none.</summary>
    /// <exception cref="CliException">The file cannot be read, is damaged, or others may read it.</exception>
    public Login? Read()
    {
        try
        {
            if (!File.Exists(_path))
            {
                return null;
            }

            PrivateFile.CheckOwner(_path, "the login");
            return JsonSerializer.Deserialize(File.ReadAllBytes(_path), CliJson.Default.Login) is { AccessToken.Length: > 0, RefreshToken.Length: > 0 } login && login.Server == Server.ToString()
                ? login
                : throw Unusable("it is damaged");
        }
        catch (OptionsException e)
        {
            throw CliException.Failed(e.Problems[0] + "; or log in again: af logout, then af login.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw Unusable(e.Message);
        }
    }

    /// <exception cref="CliException">The file cannot be written.</exception>
    public void Write(Login login)
    {
        try
        {
            CreateFolder();
            PrivateFile.Replace(_path, JsonSerializer.SerializeToUtf8Bytes(login, CliJson.Default.Login));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Failed($"the login cannot be kept in {_path}: {e.Message}");
        }
    }

    public void Remove()
    {
        try
        {
            File.Delete(_path);
        }
        catch (DirectoryNotFoundException)
        {
            // There was never a login.
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Failed($"the login in {_path} cannot be removed: {e.Message} Remove the file.");
        }
    }

    /// <summary>Keeps other processes from exchanging the same refresh token: the second one would end the login.</summary>
    public async Task<IDisposable> LockAsync(CancellationToken cancelled)
    {
        CreateFolder();
        long start = Environment.TickCount64;
        while (true)
        {
            try
            {
                return new FileStream(_path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (Environment.TickCount64 - start < LongestLock.TotalMilliseconds)
            {
                await Task.Delay(LockTries, cancelled);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw CliException.Failed($"the login in {_path} cannot be locked: {e.Message}");
            }
        }
    }

    private static void CreateFolder()
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(Folder);
        }
        else
        {
            Directory.CreateDirectory(Folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private CliException Unusable(string why) => CliException.Failed($"the login in {_path} cannot be used: {why}. Log in again: af logout, then af login.");
}
