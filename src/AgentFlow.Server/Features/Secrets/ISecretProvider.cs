namespace AgentFlow.Server.Features.Secrets;

/// <summary>One place where secrets are kept. Safe for concurrent use.</summary>
internal interface ISecretProvider
{
    /// <summary>As <c>AF_SECRETS</c> has it.</summary>
    string Name { get; }

    bool CanWrite { get; }

    /// <summary>Whether looking costs no call to somebody else.</summary>
    bool IsLocal { get; }

    /// <exception cref="Engine.Ports.SecretUnavailableException">The place does not answer or refuses.</exception>
    ValueTask<Secret?> FindAsync(string tenant, string name, CancellationToken cancellationToken);

    /// <summary>A tenant's secrets by name, without values.</summary>
    /// <exception cref="Engine.Ports.SecretUnavailableException">The place does not answer or refuses.</exception>
    ValueTask<IReadOnlyList<SecretState>> ListAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>Adds a secret, or gives it other values.</summary>
    /// <param name="rotateEvery"><see langword="null"/> leaves the schedule as it is.</param>
    /// <exception cref="Engine.Ports.SecretUnavailableException">The place does not answer or refuses.</exception>
    ValueTask<SecretState> SetAsync(string tenant, string name, IReadOnlyDictionary<string, string> fields, TimeSpan? rotateEvery, CancellationToken cancellationToken);

    /// <returns>False when there is none.</returns>
    /// <exception cref="Engine.Ports.SecretUnavailableException">The place does not answer or refuses.</exception>
    ValueTask<bool> RemoveAsync(string tenant, string name, CancellationToken cancellationToken);
}

/// <summary>A secret with its values. Never shown, logged or compared as text.</summary>
/// <param name="Fields">By field; the empty name is the value of a secret without fields.</param>
internal sealed record Secret(SecretState State, IReadOnlyDictionary<string, string> Fields)
{
    public override string ToString() => State.Name;
}

/// <summary>What may be told about a secret.</summary>
/// <param name="Fields">Names of its fields; empty for one that is one text, or when the place does not tell.</param>
/// <param name="Version">Counts the values that it has had; empty when the place does not count.</param>
/// <param name="DueAt">When it is to be replaced; <see langword="null"/> when nobody said.</param>
internal sealed record SecretState(
    string Tenant, string Name, string Provider, IReadOnlyList<string> Fields, string Version, DateTimeOffset? CreatedAt, DateTimeOffset? RotatedAt, TimeSpan? RotateEvery, DateTimeOffset? DueAt);
