using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentFlow.Contracts.Ids;
using AgentFlow.Contracts.Randomness;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access.Tokens;
using AgentFlow.Storage.Sqlite;

namespace AgentFlow.Server.Tests.Features.Access.Tokens;

/// <summary>A validator over a real store, its own issuer, and a foreign one whose keys the test has.</summary>
internal sealed class TokenWorld : IDisposable
{
    public const string Foreign = "https://login.example.com";
    public const string Audience = "agentflow";

    private readonly string _folder = Directory.CreateTempSubdirectory("agentflow-tokens-").FullName;
    private readonly SqliteDatabase _database;

    private TokenWorld()
    {
        _database = SqliteDatabase.Open(Path.Combine(_folder, "agentflow.db"));
        Store = new SqliteTokenStore(_database);
        Ids = new UlidFactory(Clock, CryptographicRandom.Shared);
        Provider = new FixedIssuer([Forge.Public(Rsa, "rsa"), Forge.Public(Ec, "ec")]);
        Revocations = new Revocations(Store, Clock);
        Keys = new SigningKeys(Store, Ids, Clock, TimeSpan.FromHours(24));
        Own = new OwnIssuer(Keys, Ids, Clock, TimeSpan.FromMinutes(10));
        Validator = new TokenValidator([Own, Provider], Revocations, Clock);
    }

    public SetTime Clock { get; } = new();

    public UlidFactory Ids { get; }

    public ITokenStore Store { get; }

    public RSA Rsa { get; } = RSA.Create(2048);

    public ECDsa Ec { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public FixedIssuer Provider { get; }

    public Revocations Revocations { get; }

    public SigningKeys Keys { get; }

    public OwnIssuer Own { get; }

    public TokenValidator Validator { get; }

    public static async Task<TokenWorld> CreateAsync()
    {
        var world = new TokenWorld();
        await world.Revocations.ReadAsync(default);
        return world;
    }

    /// <summary>An access token of this deployment's own.</summary>
    public async Task<string> OwnTokenAsync(string session = "s1") => (await Own.IssueAsync("acme", "01ARZ3NDEKTSV4RRFFQ69G5FAV", ["operator"], session, default)).Text;

    /// <summary>The foreign issuer's token, changed.</summary>
    public string ForeignToken(Action<JsonObject>? change = null, string? header = null, Func<byte[], byte[]>? sign = null) =>
        Forge.Token(header ?? Forge.Header("RS256", "rsa"), Forge.Claims(Clock.GetUtcNow(), Foreign, Audience, change), sign ?? Rsa.Sign);

    public async Task<TokenVerdict> JudgeAsync(string token) => await Validator.ValidateAsync(token, default);

    public async Task<TokenFault?> FaultAsync(string token) => (await JudgeAsync(token) as TokenVerdict.Refused)?.Fault;

    public void Dispose()
    {
        Keys.Dispose();
        _database.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    internal sealed class FixedIssuer(IReadOnlyList<VerificationKey> keys) : ITrustedIssuer
    {
        public string Issuer => Foreign;

        public string Audience => TokenWorld.Audience;

        /// <summary>The names of the keys that were asked for.</summary>
        public List<string> Asked { get; } = [];

        public ValueTask<(VerificationKey? Key, TokenFault Fault)> FindKeyAsync(string keyId, CancellationToken cancellationToken)
        {
            Asked.Add(keyId);
            return new((keys.FirstOrDefault(k => k.Id == keyId), TokenFault.KeyUnknown));
        }

        public TokenIdentity? Identify(JsonElement claims) => Claims.Text(claims, "sub") is { } subject ? new TokenIdentity(subject, "acme", Claims.Texts(claims, "roles") ?? []) : null;
    }
}
