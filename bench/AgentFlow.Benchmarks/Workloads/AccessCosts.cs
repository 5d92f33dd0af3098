using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access.Limits;
using AgentFlow.Server.Features.Access.Tokens;
using AgentFlow.Storage.Sqlite;

namespace AgentFlow.Benchmarks.Workloads;

/// <summary>What it costs to know who calls, and whether they may.</summary>
internal static class AccessCosts
{
    public static async Task RunAsync(Report report)
    {
        var operatorRole = new Principal(PrincipalKind.User, "1", "ann", "acme", [BuiltInRoles.Find("operator")!, BuiltInRoles.Find("reviewer")!]);
        Micro.Measure(report, "permission check", 1, () => operatorRole.May(Permission.RunsRead));

        string folder = Directory.CreateTempSubdirectory("agentflow-bench-").FullName;
        try
        {
            using var database = SqliteDatabase.Open(Path.Combine(folder, "agentflow.db"));
            var store = new SqliteTokenStore(database);
            TimeProvider clock = TimeProvider.System;
            var ids = new UlidFactory(clock, CryptographicRandom.Shared);
            using var keys = new SigningKeys(store, ids, clock, TimeSpan.FromHours(24));
            var own = new OwnIssuer(keys, ids, clock, TimeSpan.FromMinutes(10));
            using var rsa = RSA.Create(2048);
            var foreign = new RsaIssuer(rsa);
            var revocations = new Revocations(store, clock);
            string es256 = (await own.IssueAsync("acme", ids.Create().ToString(), ["operator"], "session", default)).Text;
            string rs256 = foreign.Sign(clock.GetUtcNow());
            await MeasureAsync(report, "token ES256", es256, [own], revocations, clock);
            await MeasureAsync(report, "token RS256", rs256, [foreign], revocations, clock);
            Micro.Measure(report, "token ES256: issue", 1, () => own.IssueAsync("acme", "1", ["operator"], "session", default).AsTask().GetAwaiter().GetResult().Text.Length > 0);
            await revocations.AddAsync("acme", new Revocation("session:other", 0, long.MaxValue), default);
            var validator = new TokenValidator([own], revocations, clock);
            await validator.ValidateAsync(es256, default);
            Micro.Measure(report, "token ES256: validate again, something is revoked", 1, () => IsAccepted(validator, es256));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        var limiter = new RateLimiter(new RateLimit(1_000_000, 1e6), TimeProvider.System);
        Micro.Measure(report, "rate limit: one request counted", 1, () => limiter.Take("acme/user:1").Limit > 0);
    }

    private static async Task MeasureAsync(Report report, string name, string token, ITrustedIssuer[] issuers, Revocations revocations, TimeProvider clock)
    {
        await revocations.ReadAsync(default);
        // A validator that has seen nothing knows no token.
        Micro.Measure(report, name + ": validate for the first time", 1, () => IsAccepted(new TokenValidator(issuers, revocations, clock), token));
        await revocations.ReadAsync(default);
        var validator = new TokenValidator(issuers, revocations, clock);
        await validator.ValidateAsync(token, default);
        Micro.Measure(report, name + ": validate again", 1, () => IsAccepted(validator, token));
        await revocations.ReadAsync(default);
    }

    private static bool IsAccepted(TokenValidator validator, string token) => validator.ValidateAsync(token, default).AsTask().GetAwaiter().GetResult() is TokenVerdict.Accepted;

    /// <summary>An issuer that signs as most OpenID providers do.</summary>
    private sealed class RsaIssuer(RSA rsa) : ITrustedIssuer
    {
        private readonly VerificationKey _key = VerificationKey.OfJwk(JsonElement.Parse($$"""{"kty":"RSA","kid":"k","n":"{{Encode(rsa.ExportParameters(false).Modulus!)}}","e":"{{Encode(rsa.ExportParameters(false).Exponent!)}}"}"""))!;

        public string Issuer => "https://login.example.com";

        public string Audience => "agentflow";

        public ValueTask<(VerificationKey? Key, TokenFault Fault)> FindKeyAsync(string keyId, CancellationToken cancellationToken) => new((_key, default));

        public TokenIdentity? Identify(JsonElement claims) => new(Claims.Text(claims, "sub")!, "acme", Claims.Texts(claims, "roles")!);

        public string Sign(DateTimeOffset now)
        {
            long at = now.ToUnixTimeSeconds();
            string header = """{"alg":"RS256","typ":"at+jwt","kid":"k"}""";
            string claims = $$"""{"iss":"{{Issuer}}","aud":"{{Audience}}","sub":"ann","jti":"1","iat":{{at}},"exp":{{at + 3600}},"roles":["operator"]}""";
            string text = $"{Encode(Encoding.UTF8.GetBytes(header))}.{Encode(Encoding.UTF8.GetBytes(claims))}";
            return $"{text}.{Encode(rsa.SignData(Encoding.ASCII.GetBytes(text), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))}";
        }

        private static string Encode(byte[] bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);
    }
}
