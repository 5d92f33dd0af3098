using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using AgentFlow.Engine.Ports;
using AgentFlow.Server.Configuration;

namespace AgentFlow.Server.Features.Secrets;

/// <summary>
/// Secrets in one file, encrypted as a whole with AES-256-GCM. The key is in a file of its own, or derived from a passphrase
/// (PBKDF2, SHA-256). Other processes may change the file: it is read again when it has changed.
/// </summary>
internal sealed class SecretFile : ISecretProvider
{
    // OWASP's figure for PBKDF2 with SHA-256.
    private const int Iterations = 600_000;
    private const int MaxIterations = 10_000_000;
    private const int KeyLength = 32;
    private const int NonceLength = 12;
    private const int TagLength = 16;
    private static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly string _path;
    private readonly string _keyPath;
    private readonly string? _passphrase;
    private readonly TimeProvider _clock;
    private readonly Action<IEnumerable<(string Name, string Value)>> _seen;
    private (string Salt, int Iterations, byte[] Key)? _derived;
    private (DateTime Written, long Length)? _stamp;
    private IReadOnlyList<StoredSecret> _secrets = [];

    /// <param name="seen">Hears of every value before anybody gets it.</param>
    public SecretFile(string path, string keyPath, string? passphrase, TimeProvider clock, Action<IEnumerable<(string Name, string Value)>> seen) =>
        (_path, _keyPath, _passphrase, _clock, _seen) = (path, keyPath, passphrase, clock, seen);

    public string Name => "file";

    public bool CanWrite => true;

    public bool IsLocal => true;

    public ValueTask<Secret?> FindAsync(string tenant, string name, CancellationToken cancellationToken) =>
        new(Read().FirstOrDefault(s => s.Tenant == tenant && s.Name == name) is { } found ? new Secret(StateOf(found), found.Fields) : null);

    public ValueTask<IReadOnlyList<SecretState>> ListAsync(string tenant, CancellationToken cancellationToken) =>
        new([.. Read().Where(s => s.Tenant == tenant).OrderBy(s => s.Name, StringComparer.Ordinal).Select(StateOf)]);

    /// <summary>All tenants' secrets, for whoever looks at their age.</summary>
    public IReadOnlyList<SecretState> All() => [.. Read().Select(StateOf)];

    public ValueTask<SecretState> SetAsync(string tenant, string name, IReadOnlyDictionary<string, string> fields, TimeSpan? rotateEvery, CancellationToken cancellationToken)
    {
        StoredSecret? made = null;
        Change(secrets =>
        {
            DateTimeOffset now = _clock.GetUtcNow();
            StoredSecret? old = secrets.Find(s => s.Tenant == tenant && s.Name == name);
            made = new StoredSecret(
                tenant, name, new Dictionary<string, string>(fields), (old?.Version ?? 0) + 1, old?.CreatedAt ?? now, now,
                rotateEvery is { } every ? (every > TimeSpan.Zero ? every.TotalDays : null) : old?.RotateEveryDays);
            secrets.RemoveAll(s => s == old);
            secrets.Add(made);
            return true;
        });
        return new(StateOf(made!));
    }

    public ValueTask<bool> RemoveAsync(string tenant, string name, CancellationToken cancellationToken) =>
        new(Change(secrets => secrets.RemoveAll(s => s.Tenant == tenant && s.Name == name) > 0));

    private SecretState StateOf(StoredSecret secret)
    {
        TimeSpan? every = secret.RotateEveryDays is { } days ? TimeSpan.FromDays(days) : null;
        return new SecretState(
            secret.Tenant, secret.Name, Name, [.. secret.Fields.Keys.Where(f => f.Length > 0).Order(StringComparer.Ordinal)],
            secret.Version.ToString(CultureInfo.InvariantCulture), secret.CreatedAt, secret.RotatedAt, every, secret.RotatedAt + every);
    }

    private IReadOnlyList<StoredSecret> Read()
    {
        lock (_gate)
        {
            var file = new FileInfo(_path);
            (DateTime, long)? stamp = file.Exists ? (file.LastWriteTimeUtc, file.Length) : null;
            if (stamp != _stamp)
            {
                _secrets = stamp is null ? [] : Guarded(() => Decrypt(File.ReadAllBytes(_path)));
                _seen(_secrets.SelectMany(s => s.Fields.Select(f => (f.Key.Length == 0 ? $"secret://{s.Name}" : $"secret://{s.Name}#{f.Key}", f.Value))));
                _stamp = stamp;
            }

            return _secrets;
        }
    }

    /// <param name="change">Says whether anything is to be written.</param>
    private bool Change(Func<List<StoredSecret>, bool> change) => Guarded(() =>
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(_path))!);
        using FileStream held = LockFile();
        lock (_gate)
        {
            List<StoredSecret> secrets = [.. Read()];
            if (!change(secrets))
            {
                return false;
            }

            PrivateFile.Replace(_path, Encrypt(secrets));
            // Not what was written, but what can be read: whoever is told that a secret is kept finds it.
            _stamp = null;
            Read();
            return true;
        }
    });

    private byte[] Encrypt(List<StoredSecret> secrets)
    {
        (string salt, int iterations) = _passphrase is null ? ("", 0) : _derived is { } known ? (known.Salt, known.Iterations) : (Convert.ToBase64String(RandomNumberGenerator.GetBytes(16)), Iterations);
        byte[] key = Key(salt, iterations);
        byte[] plain = JsonSerializer.SerializeToUtf8Bytes(secrets, SecretFileJson.Default.ListStoredSecret);
        byte[] nonce = RandomNumberGenerator.GetBytes(NonceLength);
        byte[] data = new byte[plain.Length + TagLength];
        using var aes = new AesGcm(key, TagLength);
        aes.Encrypt(nonce, plain, data.AsSpan(0, plain.Length), data.AsSpan(plain.Length), Header(salt, iterations));
        CryptographicOperations.ZeroMemory(plain);
        return JsonSerializer.SerializeToUtf8Bytes(new SecretEnvelope(1, salt, iterations, Convert.ToBase64String(nonce), Convert.ToBase64String(data)), SecretFileJson.Default.SecretEnvelope);
    }

    private List<StoredSecret> Decrypt(byte[] file)
    {
        SecretEnvelope envelope = JsonSerializer.Deserialize(file, SecretFileJson.Default.SecretEnvelope) ?? throw new FormatException("it is empty");
        if (envelope.Format != 1 || envelope.Iterations is < 0 or > MaxIterations)
        {
            throw new FormatException("it has another format");
        }

        if (envelope.Iterations > 0 != _passphrase is not null)
        {
            throw new FormatException(_passphrase is null ? "it was encrypted with a passphrase: set AF_SECRETS_PASSPHRASE" : "it was encrypted with a key file: unset AF_SECRETS_PASSPHRASE");
        }

        byte[] nonce = Convert.FromBase64String(envelope.Nonce);
        byte[] data = Convert.FromBase64String(envelope.Data);
        if (nonce.Length != NonceLength || data.Length < TagLength)
        {
            throw new FormatException("it is incomplete");
        }

        byte[] plain = new byte[data.Length - TagLength];
        using var aes = new AesGcm(Key(envelope.Salt, envelope.Iterations), TagLength);
        aes.Decrypt(nonce, data.AsSpan(0, plain.Length), data.AsSpan(plain.Length), plain, Header(envelope.Salt, envelope.Iterations));
        List<StoredSecret> secrets = JsonSerializer.Deserialize(plain, SecretFileJson.Default.ListStoredSecret)!;
        CryptographicOperations.ZeroMemory(plain);
        return secrets;
    }

    private byte[] Key(string salt, int iterations)
    {
        if (_derived is not { } known || known.Salt != salt || known.Iterations != iterations)
        {
            byte[] key = _passphrase is null ? KeyOfFile() : Rfc2898DeriveBytes.Pbkdf2(_passphrase, Convert.FromBase64String(salt), iterations, HashAlgorithmName.SHA256, KeyLength);
            _derived = known = (salt, iterations, key);
        }

        return known.Key;
    }

    private byte[] KeyOfFile()
    {
        string text = PrivateFile.ReadOrCreate(_keyPath, "the key of the secrets", "AF_SECRETS_KEY", static () => Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeyLength)) + "\n");
        byte[] key = new byte[KeyLength];
        return Convert.TryFromBase64String(text.Trim(), key, out int length) && length == KeyLength ? key : throw new FormatException($"the key file {_keyPath} does not hold 32 bytes in Base64");
    }

    private static byte[] Header(string salt, int iterations) => System.Text.Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"agentflow secrets 1 {salt} {iterations}"));

    private FileStream LockFile()
    {
        long begun = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return new FileStream(_path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (Stopwatch.GetElapsedTime(begun) < LockPatience)
            {
                Thread.Sleep(5);
            }
        }
    }

    private T Guarded<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (AuthenticationTagMismatchException)
        {
            throw new SecretUnavailableException($"The secrets in {_path} cannot be decrypted: it is another key than the one they were encrypted with, or the file was damaged. Put the right key into {(_passphrase is null ? _keyPath : "AF_SECRETS_PASSPHRASE")}.");
        }
        catch (OptionsException e)
        {
            throw new SecretUnavailableException(string.Join(' ', e.Problems), e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException or JsonException)
        {
            throw new SecretUnavailableException($"The secrets in {_path} cannot be used: {e.Message}", e);
        }
    }
}
