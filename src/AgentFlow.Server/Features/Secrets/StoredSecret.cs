using System.Text.Json.Serialization;

namespace AgentFlow.Server.Features.Secrets;

/// <summary>The encrypted file as it stands on disk.</summary>
/// <param name="Salt">Of the passphrase; empty with a key file.</param>
/// <param name="Iterations">Of PBKDF2; 0 with a key file.</param>
/// <param name="Data">Ciphertext and tag.</param>
internal sealed record SecretEnvelope(int Format, string Salt, int Iterations, string Nonce, string Data);

/// <summary>One secret inside.</summary>
internal sealed record StoredSecret(
    string Tenant, string Name, Dictionary<string, string> Fields, int Version, DateTimeOffset CreatedAt, DateTimeOffset RotatedAt, double? RotateEveryDays)
{
    public override string ToString() => Name;
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(SecretEnvelope))]
[JsonSerializable(typeof(List<StoredSecret>))]
internal sealed partial class SecretFileJson : JsonSerializerContext;
