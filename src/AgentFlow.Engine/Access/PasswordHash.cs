using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace AgentFlow.Engine.Access;

/// <summary>
/// Passwords as they are stored: <c>pbkdf2-sha256$ITERATIONS$SALT$HASH</c>, salt and hash in base64url. The strength is that of
/// the OWASP Password Storage Cheat Sheet (2023): PBKDF2-HMAC-SHA256 with 600,000 iterations, 128 bits of salt.
/// </summary>
public static class PasswordHash
{
    public const int Iterations = 600_000;

    /// <summary>Fewest characters of a password.</summary>
    public const int MinLength = 12;

    /// <summary>Most characters of a password; more are refused before they are hashed.</summary>
    public const int MaxLength = 1024;

    private const string Scheme = "pbkdf2-sha256";
    private const int SaltBytes = 16;
    private const int HashBytes = 32;

    // No stored text makes a check cost more than this.
    private const int MostIterations = 10_000_000;

    /// <summary>What is checked when there is no such user, so that the answer takes as long.</summary>
    public static string Nobody { get; } = Format(Iterations, new byte[SaltBytes], new byte[HashBytes]);

    /// <summary>Says what is wrong with a new password; <see langword="null"/> when nothing is.</summary>
    public static string? Problem(string password) => password.Length switch
    {
        < MinLength => $"a password has at least {MinLength} characters",
        > MaxLength => $"a password has at most {MaxLength} characters",
        _ => null,
    };

    public static string Create(string password) => Create(password, Iterations);

    internal static string Create(string password, int iterations)
    {
        byte[] salt = RandomNumberGenerator.GetBytes(SaltBytes);
        return Format(iterations, salt, Derive(password, salt, iterations));
    }

    /// <summary>Compares in constant time. A stored text that cannot be read matches nothing.</summary>
    public static PasswordCheck Verify(string password, string stored)
    {
        string[] parts = stored.Split('$');
        if (parts.Length != 4
            || parts[0] != Scheme
            || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int iterations)
            || iterations is < 1 or > MostIterations
            || !Base64Url.IsValid(parts[2])
            || !Base64Url.IsValid(parts[3]))
        {
            return default;
        }

        byte[] expected = Base64Url.DecodeFromChars(parts[3]);
        if (expected.Length != HashBytes)
        {
            return default;
        }

        bool ok = password.Length <= MaxLength
            && CryptographicOperations.FixedTimeEquals(Derive(password, Base64Url.DecodeFromChars(parts[2]), iterations), expected);
        return new PasswordCheck(ok, IsOutdated: iterations < Iterations);
    }

    private static byte[] Derive(string password, byte[] salt, int iterations) =>
        Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(password), salt, iterations, HashAlgorithmName.SHA256, HashBytes);

    private static string Format(int iterations, byte[] salt, byte[] hash) =>
        string.Create(CultureInfo.InvariantCulture, $"{Scheme}${iterations}${Base64Url.EncodeToString(salt)}${Base64Url.EncodeToString(hash)}");
}

/// <param name="IsOutdated">The hash is weaker than new ones: once the password is known to be right it is hashed again.</param>
public readonly record struct PasswordCheck(bool Ok, bool IsOutdated);
