using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Errors;
using AgentFlow.Server.Configuration;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Bridge.Tokens;

/// <summary>
/// The tokens that remote agents and this server show each other: JSON Web Tokens (RFC 7519), HS256 and nothing else. Agents sign
/// the whole body of a request as the token's claims, so that a token is worth nothing with any other body.
/// </summary>
internal sealed class AgentTokens(BridgeSettings settings, TimeProvider clock)
{
    /// <summary>What clocks may differ by.</summary>
    public static readonly TimeSpan Leeway = TimeSpan.FromSeconds(30);

    /// <summary>How long a token of this server's own is good for.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(5);

    private const string Scheme = "Bearer ";
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    // Longer ones do not fit the server's limit for headers.
    private const int MaxLength = 32 * 1024;
    private const int MaxDepth = 64;
    private const long LastSecond = 253_402_300_799;

    // {"alg":"HS256","typ":"JWT"} as the usual libraries write it.
    private const string UsualHeader = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

    private static readonly SearchValues<char> Base64UrlCharacters = SearchValues.Create(Alphabet);

    // What a token says about itself; everything else is the body.
    private static readonly string[] Registered = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

    // Each would let the sender choose the key, the way it is found, or how the token is read (RFC 7515, 4.1; RFC 7797).
    private static readonly string[] RefusedHeaders = ["jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"];

    private readonly byte[][] _shared = [.. settings.Secrets.Select(Encoding.UTF8.GetBytes)];
    private readonly Dictionary<string, byte[][]> _own = settings.AgentKeys.ToDictionary(k => k.Key, k => k.Value.Select(Encoding.UTF8.GetBytes).ToArray(), StringComparer.Ordinal);

    /// <summary>The text of the token that a request brings.</summary>
    /// <exception cref="ProblemException"><c>MISSING_TOKEN</c>; <c>AUTH_ERROR</c> without a secret to check it with.</exception>
    public string Bearer(HttpContext context)
    {
        if (!settings.IsOn)
        {
            throw new ProblemException(ErrorCode.AuthError, NoSecret);
        }

        var values = context.Request.Headers.Authorization;
        return values.Count == 1 && values[0]!.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? values[0]![Scheme.Length..].Trim()
            : throw new ProblemException(ErrorCode.MissingToken, values.Count > 1 ? "The Authorization header stands more than once. Send it once." : "Authorization header with Bearer token required: sign the body with the shared secret (HS256).");
    }

    /// <summary>Why nothing can be done without a secret, and the remedy.</summary>
    public const string NoSecret = "This server has no SHARED_SECRET, so that it can neither check what agents send nor sign what it sends them. Set SHARED_SECRET (32 characters or more, the same as the agents have) and restart.";

    /// <summary>Whose token it is: the issuer of one that is genuine, in time, meant for this server, and about this very body.</summary>
    /// <param name="body">An object.</param>
    /// <exception cref="ProblemException"><c>INVALID_TOKEN</c> or <c>TOKEN_EXPIRED</c>.</exception>
    public string Read(string text, JsonElement body)
    {
        int first = text.IndexOf('.', StringComparison.Ordinal);
        int second = text.IndexOf('.', first + 1);
        if (text.Length > MaxLength || first <= 0 || second <= first || text.IndexOf('.', second + 1) >= 0
            || Decode(text.AsSpan(first + 1, second - first - 1)) is not { } payload
            || Decode(text.AsSpan(second + 1)) is not { Length: HMACSHA256.HashSizeInBytes } signature)
        {
            throw Invalid("It is no JSON Web Token in compact form.");
        }

        CheckHeader(text.AsSpan(0, first));
        using JsonDocument document = Parse(payload) ?? throw Invalid("Its claims are no JSON object.");
        JsonElement claims = document.RootElement;
        // Who is said to have signed decides which keys are tried, before anything of it is believed.
        string issuer = Text(claims, "iss") is { } named && AgentId.IsValid(named) ? named : throw Invalid("It names no agent in 'iss'.");
        byte[][] keys = _own.GetValueOrDefault(issuer) ?? _shared;
        if (!IsSigned(text.AsSpan(0, second), signature, keys))
        {
            throw Invalid("Its signature is wrong.");
        }

        if (!IsFor(claims, settings.Audience))
        {
            throw Invalid($"It is not for this server: 'aud' must be {settings.Audience}.");
        }

        CheckTime(claims);
        CheckBody(claims, body);
        return issuer;
    }

    /// <summary>A token for a request to an agent.</summary>
    /// <exception cref="InvalidOperationException">There is no secret that the agent knows.</exception>
    public string Write(string agent, Guid task, string trace)
    {
        byte[] key = (_own.GetValueOrDefault(agent) ?? _shared).FirstOrDefault() ?? throw new InvalidOperationException($"There is no secret to sign with for {agent}.");
        long now = clock.GetUtcNow().ToUnixTimeSeconds();
        var claims = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(claims))
        {
            writer.WriteStartObject();
            writer.WriteString("iss", settings.Issuer);
            writer.WriteString("aud", settings.AgentAudience);
            writer.WriteString("sub", agent);
            writer.WriteString("task_id", task);
            writer.WriteString("trace_id", trace);
            writer.WriteNumber("iat", now);
            writer.WriteNumber("exp", now + (long)Lifetime.TotalSeconds);
            writer.WriteEndObject();
        }

        string signed = $"{UsualHeader}.{Base64Url.EncodeToString(claims.WrittenSpan)}";
        return $"{signed}.{Base64Url.EncodeToString(HMACSHA256.HashData(key, Encoding.ASCII.GetBytes(signed)))}";
    }

    private static bool IsSigned(ReadOnlySpan<char> signed, byte[] signature, byte[][] keys)
    {
        byte[] bytes = ArrayPool<byte>.Shared.Rent(signed.Length);
        int length = Encoding.ASCII.GetBytes(signed, bytes);
        Span<byte> expected = stackalloc byte[HMACSHA256.HashSizeInBytes];
        bool genuine = false;
        foreach (byte[] key in keys)
        {
            HMACSHA256.HashData(key, bytes.AsSpan(0, length), expected);
            genuine |= CryptographicOperations.FixedTimeEquals(expected, signature);
        }

        ArrayPool<byte>.Shared.Return(bytes);
        return genuine;
    }

    private static void CheckHeader(ReadOnlySpan<char> text)
    {
        if (text.SequenceEqual(UsualHeader))
        {
            return;
        }

        using JsonDocument? header = Decode(text) is { } bytes ? Parse(bytes) : null;
        if (header is null || Text(header.RootElement, "alg") != "HS256")
        {
            throw Invalid("It must be signed with HS256.");
        }

        if (header.RootElement.TryGetProperty("typ", out JsonElement type) && !(type.ValueKind == JsonValueKind.String && string.Equals(type.GetString(), "JWT", StringComparison.OrdinalIgnoreCase)))
        {
            throw Invalid("Its header names another type than JWT.");
        }

        foreach (string refused in RefusedHeaders)
        {
            if (header.RootElement.TryGetProperty(refused, out _))
            {
                throw Invalid($"Its header has '{refused}', which is not taken.");
            }
        }
    }

    private static bool IsFor(JsonElement claims, string audience) => claims.TryGetProperty("aud", out JsonElement named) && named.ValueKind switch
    {
        JsonValueKind.String => named.ValueEquals(audience),
        JsonValueKind.Array => named.EnumerateArray().Any(a => a.ValueKind == JsonValueKind.String && a.ValueEquals(audience)),
        _ => false,
    };

    private void CheckTime(JsonElement claims)
    {
        DateTimeOffset now = clock.GetUtcNow();
        DateTimeOffset? expires = Time(claims, "exp");
        if (expires is { } end && now >= end + Leeway)
        {
            throw new ProblemException(ErrorCode.TokenExpired, "The token has expired; sign a new one for each request, and compare the clocks.");
        }

        if (Time(claims, "nbf") is { } begin && now + Leeway < begin)
        {
            throw Invalid("It is not valid yet; compare the clocks.");
        }

        DateTimeOffset? issued = Time(claims, "iat");
        if (expires is null && settings.TokenAge is { } age && (issued is null || now >= issued.Value + age + Leeway))
        {
            throw new ProblemException(ErrorCode.TokenExpired, "The token has no 'exp' and is older than this server takes; sign a new one for each request.");
        }
    }

    /// <summary>Every member of the body is a claim and every claim a member: a token that was overheard opens nothing else.</summary>
    private static void CheckBody(JsonElement claims, JsonElement body)
    {
        int members = 0;
        foreach (JsonProperty member in body.EnumerateObject())
        {
            members++;
            if (!claims.TryGetProperty(member.Name, out JsonElement claim) || !JsonElement.DeepEquals(claim, member.Value))
            {
                throw Invalid($"Its claims are not this body: '{(member.Name.Length <= 60 ? member.Name : member.Name[..60] + "…")}' differs. Sign the whole body.");
            }
        }

        int others = claims.EnumerateObject().Count(c => !Registered.Contains(c.Name) || body.TryGetProperty(c.Name, out _));
        if (others != members)
        {
            throw Invalid("Its claims are not this body: they have members that the body lacks.");
        }
    }

    private static JsonDocument? Parse(byte[] json)
    {
        JsonDocument? document = null;
        try
        {
            document = BridgeJson.Parse(json, MaxDepth);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement claims, string name) => claims.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    /// <summary>Seconds since 1970, fractions allowed (RFC 7519, 2).</summary>
    /// <exception cref="ProblemException">It is there and is no time.</exception>
    private static DateTimeOffset? Time(JsonElement claims, string name)
    {
        if (!claims.TryGetProperty(name, out JsonElement value))
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double seconds) && seconds is >= 0 and <= LastSecond
            ? DateTimeOffset.FromUnixTimeMilliseconds((long)(seconds * 1000))
            : throw Invalid(string.Create(CultureInfo.InvariantCulture, $"Its '{name}' is no time in seconds."));
    }

    /// <summary>Base64url without padding, whitespace or stray bits at its end: one value has one spelling.</summary>
    private static byte[]? Decode(ReadOnlySpan<char> text)
    {
        if (text.Length % 4 == 1 || text.ContainsAnyExcept(Base64UrlCharacters))
        {
            return null;
        }

        int unused = (text.Length % 4) switch { 2 => 0b1111, 3 => 0b11, _ => 0 };
        return unused != 0 && (Alphabet.IndexOf(text[^1], StringComparison.Ordinal) & unused) != 0 ? null : Base64Url.DecodeFromChars(text);
    }

    private static ProblemException Invalid(string why) => new(ErrorCode.InvalidToken, $"The token is not valid here. {why}");
}
