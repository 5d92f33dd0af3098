using AgentFlow.Engine.Secrets;

namespace AgentFlow.Engine.Ports;

/// <summary>Where secrets come from. Asked by the step executor alone, just before a call, and by nobody who writes anything down.</summary>
public interface ISecretSource
{
    /// <summary>A secret's value; <see langword="null"/> when the tenant has no such secret, or it has no such field.</summary>
    /// <exception cref="SecretUnavailableException">The place where it is kept does not answer or refuses.</exception>
    ValueTask<string?> FindAsync(string tenant, SecretReference reference, CancellationToken cancellationToken);
}

/// <summary>Secrets cannot be read at present. The message says where and why, and never holds one.</summary>
public sealed class SecretUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
