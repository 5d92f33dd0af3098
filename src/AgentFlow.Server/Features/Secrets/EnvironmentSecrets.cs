using AgentFlow.Server.Configuration;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Secrets;

/// <summary>
/// Environment variables, as they were when the process started: <c>secret://api-key</c> is <c>AF_SECRET_API_KEY</c>, and
/// <c>secret://db#password</c> is <c>AF_SECRET_DB__PASSWORD</c>. They belong to the tenant <c>default</c>.
/// </summary>
internal sealed class EnvironmentSecrets : ISecretProvider
{
    private const string FieldSeparator = "__";

    // By the part of the variable's name that names the secret.
    private readonly Dictionary<string, Dictionary<string, string>> _secrets;

    public EnvironmentSecrets(IReadOnlyDictionary<string, string> variables, Action<IEnumerable<(string Name, string Value)>> seen)
    {
        _secrets = variables
            .Select(v => (Words: v.Key[SecretSettings.EnvironmentPrefix.Length..].Split(FieldSeparator, 2), v.Value))
            .GroupBy(v => v.Words[0], StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => g.ToDictionary(v => v.Words.Length > 1 ? v.Words[1] : "", v => v.Value, StringComparer.OrdinalIgnoreCase), StringComparer.Ordinal);
        seen(_secrets.SelectMany(s => s.Value.Select(f => ($"secret://{Shown(s.Key)}", f.Value))));
    }

    public string Name => "env";

    public bool CanWrite => false;

    public bool IsLocal => true;

    public ValueTask<Secret?> FindAsync(string tenant, string name, CancellationToken cancellationToken)
    {
        string variable = name.Replace('-', '_').ToUpperInvariant();
        return new(tenant == Tenant.Default && _secrets.TryGetValue(variable, out Dictionary<string, string>? fields) ? new Secret(StateOf(name, fields), fields) : null);
    }

    public ValueTask<IReadOnlyList<SecretState>> ListAsync(string tenant, CancellationToken cancellationToken) =>
        new(tenant == Tenant.Default ? [.. _secrets.Select(s => StateOf(Shown(s.Key), s.Value)).OrderBy(s => s.Name, StringComparer.Ordinal)] : []);

    public ValueTask<SecretState> SetAsync(string tenant, string name, IReadOnlyDictionary<string, string> fields, TimeSpan? rotateEvery, CancellationToken cancellationToken) =>
        throw new NotSupportedException("The environment of a running process does not change.");

    public ValueTask<bool> RemoveAsync(string tenant, string name, CancellationToken cancellationToken) => new(false);

    private SecretState StateOf(string name, Dictionary<string, string> fields) =>
        new(Tenant.Default, name, Name, [.. fields.Keys.Where(f => f.Length > 0).Select(f => f.ToLowerInvariant()).Order(StringComparer.Ordinal)], "", null, null, null, null);

    private static string Shown(string variable) => variable.ToLowerInvariant().Replace('_', '-');
}
