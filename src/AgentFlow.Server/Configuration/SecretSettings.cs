namespace AgentFlow.Server.Configuration;

/// <summary>A place where secrets are kept.</summary>
public enum SecretPlace
{
    /// <summary>The encrypted file.</summary>
    File,

    /// <summary>Environment variables <c>AF_SECRET_NAME</c>; the tenant <c>default</c> alone has them.</summary>
    Env,

    /// <summary>HashiCorp Vault, KV version 2.</summary>
    Vault,

    /// <summary>Azure Key Vault.</summary>
    Azure,
}

/// <summary>Where secrets are. <c>AF_SECRETS*</c>, <c>AF_VAULT_*</c>, <c>AF_AZURE_*</c>.</summary>
public sealed record SecretSettings
{
    public const string EnvironmentPrefix = "AF_SECRET_";

    /// <summary>Where a name is looked up, in this order. Default: file, env. <c>AF_SECRETS</c>.</summary>
    public IReadOnlyList<SecretPlace> Places { get; init; } = [SecretPlace.File, SecretPlace.Env];

    /// <summary>The encrypted file. Default: beside the SQLite file, else in <c>./.af</c>. <c>AF_SECRETS_FILE</c>.</summary>
    public string? File { get; init; }

    /// <summary>The file with its key: 32 bytes in Base64, readable by its owner only, created with the first secret. Default: beside the file. <c>AF_SECRETS_KEY</c>.</summary>
    public string? Key { get; init; }

    /// <summary>Instead of the key file: the key is derived from it. <c>AF_SECRETS_PASSPHRASE</c>.</summary>
    public string? Passphrase { get; init; }

    /// <summary>How long a value from elsewhere is used without asking again. Default 60 s. <c>AF_SECRETS_CACHE</c>.</summary>
    public TimeSpan Cache { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Names and values of all <c>AF_SECRET_*</c>.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    public VaultSettings? Vault { get; init; }

    public AzureSettings? Azure { get; init; }

    /// <summary>Where the encrypted file is.</summary>
    public string FilePath(StoreAddress store) => File ?? store.Beside("secrets");

    /// <summary>Where its key is.</summary>
    public string KeyPath(StoreAddress store) => Key ?? (File is { } file ? file + ".key" : store.Beside("secrets.key"));

    internal static SecretSettings From(Settings settings, SettingReader read)
    {
        var defaults = new SecretSettings();
        IReadOnlyList<SecretPlace> places = PlacesOf(read) ?? defaults.Places;
        return defaults with
        {
            Places = places,
            File = read.Text("AF_SECRETS_FILE"),
            Key = read.Text("AF_SECRETS_KEY"),
            Passphrase = read.Text("AF_SECRETS_PASSPHRASE"),
            Cache = read.Seconds("AF_SECRETS_CACHE") ?? defaults.Cache,
            Environment = settings.WithPrefix(EnvironmentPrefix),
            Vault = places.Contains(SecretPlace.Vault) ? VaultSettings.From(read) : null,
            Azure = places.Contains(SecretPlace.Azure) ? AzureSettings.From(read) : null,
        };
    }

    internal static string Needed(SettingReader read, string name)
    {
        if (read.Text(name) is { } text)
        {
            return text;
        }

        read.Fault($"{name} is missing or unusable: the vault in AF_SECRETS needs it");
        return "";
    }

    private static List<SecretPlace>? PlacesOf(SettingReader read)
    {
        if (read.List("AF_SECRETS") is not { } words)
        {
            return null;
        }

        var places = new List<SecretPlace>();
        foreach (string word in words)
        {
            if (word is "file" or "env" or "vault" or "azure" && Enum.Parse<SecretPlace>(word, ignoreCase: true) is var place && !places.Contains(place))
            {
                places.Add(place);
            }
            else
            {
                read.Fault($"{read.Source("AF_SECRETS")} has '{word}': write file, env, vault and azure, each once, in the order in which they are asked");
            }
        }

        return places;
    }
}

/// <summary>A Vault server.</summary>
/// <param name="Address"><c>AF_VAULT_ADDR</c>.</param>
/// <param name="Token"><c>AF_VAULT_TOKEN</c>.</param>
/// <param name="Mount">Where the KV engine is mounted. Default <c>secret</c>. <c>AF_VAULT_MOUNT</c>.</param>
/// <param name="Path">Folder of a tenant's secrets. Default <c>agentflow/{tenant}</c>. <c>AF_VAULT_PATH</c>.</param>
/// <param name="Namespace"><c>AF_VAULT_NAMESPACE</c>.</param>
public sealed record VaultSettings(Uri Address, string Token, string Mount, string Path, string? Namespace)
{
    internal static VaultSettings? From(SettingReader read)
    {
        string address = SecretSettings.Needed(read, "AF_VAULT_ADDR");
        string token = SecretSettings.Needed(read, "AF_VAULT_TOKEN");
        return address.Length == 0 ? null : new VaultSettings(new Uri(address), token, read.Text("AF_VAULT_MOUNT") ?? "secret", read.Text("AF_VAULT_PATH") ?? "agentflow/{tenant}", read.Text("AF_VAULT_NAMESPACE"));
    }
}

/// <summary>An Azure Key Vault, or one a tenant.</summary>
/// <param name="Address">With <c>{tenant}</c> in it each tenant has its own; without, the tenant <c>default</c> has it. <c>AF_AZURE_VAULT</c>.</param>
/// <param name="Directory">The Entra tenant. <c>AF_AZURE_TENANT</c>.</param>
/// <param name="Client"><c>AF_AZURE_CLIENT_ID</c>.</param>
/// <param name="ClientSecret"><c>AF_AZURE_CLIENT_SECRET</c>.</param>
/// <param name="Login">Default <c>https://login.microsoftonline.com</c>. <c>AF_AZURE_LOGIN</c>.</param>
public sealed record AzureSettings(string Address, string Directory, string Client, string ClientSecret, Uri Login)
{
    internal static AzureSettings From(SettingReader read) => new(
        SecretSettings.Needed(read, "AF_AZURE_VAULT").TrimEnd('/'),
        SecretSettings.Needed(read, "AF_AZURE_TENANT"),
        SecretSettings.Needed(read, "AF_AZURE_CLIENT_ID"),
        SecretSettings.Needed(read, "AF_AZURE_CLIENT_SECRET"),
        new Uri(read.Text("AF_AZURE_LOGIN") ?? "https://login.microsoftonline.com"));
}
