using System.Globalization;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access.Limits;
using AgentFlow.Server.Features.Access.Oidc;
using AgentFlow.Server.Features.Access.Tokens;

namespace AgentFlow.Server.Configuration;

/// <summary>Reads the settings about who gets in: tokens, OpenID, TLS and rates.</summary>
internal static class AccessSettings
{
    private const int MaxBurst = 1_000_000;

    public static TokenOptions Tokens(SettingReader read)
    {
        var defaults = new TokenOptions();
        return new TokenOptions
        {
            Lifetime = read.Seconds("AF_TOKEN_LIFETIME") ?? defaults.Lifetime,
            RefreshLifetime = read.Seconds("AF_REFRESH_LIFETIME") ?? defaults.RefreshLifetime,
            KeyRotation = read.Seconds("AF_KEY_ROTATION") ?? defaults.KeyRotation,
        };
    }

    public static OidcOptions? Oidc(SettingReader read)
    {
        string? audience = read.Text("AF_OIDC_AUDIENCE");
        string? tenantClaim = read.Text("AF_OIDC_TENANT_CLAIM");
        string? tenant = read.Text("AF_OIDC_TENANT");
        string? rolesClaim = read.Text("AF_OIDC_ROLES_CLAIM");
        IReadOnlyList<string>? roleMap = read.List("AF_OIDC_ROLE_MAP");
        if (read.Text("AF_OIDC_ISSUER") is { } issuer)
        {
            var defaults = new OidcOptions { Issuer = issuer };
            return defaults with
            {
                Audience = audience ?? defaults.Audience,
                TenantClaim = tenantClaim,
                Tenant = tenant ?? defaults.Tenant,
                RolesClaim = rolesClaim ?? defaults.RolesClaim,
                RoleMap = (roleMap ?? []).Select(Pair).ToDictionary(p => p.Theirs, p => p.Ours, StringComparer.Ordinal),
            };
        }

        foreach (string name in ((string[])["AF_OIDC_AUDIENCE", "AF_OIDC_TENANT_CLAIM", "AF_OIDC_TENANT", "AF_OIDC_ROLES_CLAIM", "AF_OIDC_ROLE_MAP"]).Where(n => read.Text(n) is not null))
        {
            read.Fault($"{read.Source(name)} says something of an OpenID provider, and none is named: set AF_OIDC_ISSUER to the provider's issuer, such as https://login.example.com");
        }

        return null;
    }

    public static TlsOptions? Tls(SettingReader read)
    {
        string? certificate = read.Text("AF_TLS_CERT");
        string? key = read.Text("AF_TLS_KEY");
        string? authority = read.Text("AF_TLS_CLIENT_CA");
        if (certificate is not null && key is not null)
        {
            return new TlsOptions { Certificate = Path.GetFullPath(certificate), Key = Path.GetFullPath(key), ClientAuthority = authority is null ? null : Path.GetFullPath(authority) };
        }

        if ((certificate ?? key ?? authority) is not null)
        {
            read.Fault("AF_TLS_CERT and AF_TLS_KEY go together: set both to PEM files");
        }

        return null;
    }

    /// <param name="burstName">The setting for what may come at once.</param>
    /// <param name="sustainedName">The setting for what may come over time.</param>
    /// <param name="usual">What holds where nothing is set; <see langword="null"/>: no limit.</param>
    public static RateLimit? Rate(SettingReader read, string burstName, string sustainedName, RateLimit? usual)
    {
        string? text = read.Text(sustainedName);
        int? burst = read.Count(burstName);
        if (text == "off" || (text is null && burst is null && usual is null))
        {
            return null;
        }

        double perSecond = (text is null ? null : PerSecond(text)) ?? usual?.PerSecond ?? burst / 2.0 ?? 1;
        return new RateLimit(burst ?? usual?.Burst ?? (int)Math.Clamp(Math.Ceiling(2 * perSecond), 1, MaxBurst), perSecond);
    }

    /// <summary>The rate of some addresses; <see langword="null"/> when nothing is said about them.</summary>
    public static AreaRate? AreaRate(SettingReader read, string burstName, string sustainedName) =>
        read.Text(burstName) is null && read.Text(sustainedName) is null ? null : new AreaRate(Rate(read, burstName, sustainedName, null));

    /// <summary>What one setting says about another.</summary>
    public static void Hold(SettingReader read, ServerOptions options)
    {
        if (options.Oidc is not null && options.Access == AccessMode.Open)
        {
            read.Fault($"{read.Source("AF_OIDC_ISSUER")} is set, but nobody is asked for a token: set AF_ACCESS=required too");
        }

        if (options.TlsProblem() is { } problem)
        {
            read.Fault($"{read.Source("AF_URL")} is '{options.Listen}': {problem}");
        }
    }

    public static string? IssuerProblem(string address) =>
        OidcOptions.AddressProblem(address) is { } problem ? $"it {problem}; write the provider's issuer as it spells it, such as https://login.example.com" : null;

    public static string? TenantProblem(string tenant) => TenantName.IsValid(tenant) ? null : $"a tenant's name matches {TenantName.Pattern}";

    public static string? RoleMapProblem(string text)
    {
        string[] pairs = SettingValue.List(text);
        return pairs.All(p => p.LastIndexOf('=') > 0 && Role.IsName(Pair(p).Ours)) && pairs.Select(p => Pair(p).Theirs).Distinct(StringComparer.Ordinal).Count() == pairs.Length
            ? null
            : "write theirs=ours, each of theirs once, such as staff=operator,admins=admin";
    }

    public static string? RateProblem(string text) => text == "off" || PerSecond(text) is not null ? null : "write requests a second or minute, such as 50/s or 600/m, or off";

    public static string? OriginProblem(string text) => Array.TrueForAll(SettingValue.List(text), IsOrigin) || text.Trim() == "off" ? null : "write origins as browsers send them, such as http://localhost:3000, or off";

    private static bool IsOrigin(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" && text.Equals(uri.GetLeftPart(UriPartial.Authority), StringComparison.OrdinalIgnoreCase);

    public static string? FileProblem(string path) => File.Exists(path) ? null : "there is no such file: name a PEM file";

    private static (string Theirs, string Ours) Pair(string text)
    {
        int equals = text.LastIndexOf('=');
        return (text[..equals].Trim(), text[(equals + 1)..].Trim());
    }

    private static double? PerSecond(string text)
    {
        (string number, double seconds) = text switch
        {
            _ when text.EndsWith("/s", StringComparison.Ordinal) => (text[..^2], 1.0),
            _ when text.EndsWith("/m", StringComparison.Ordinal) => (text[..^2], 60.0),
            _ => (text, 1.0),
        };
        return double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double rate) && rate / seconds is >= 0.001 and <= 1_000_000 ? rate / seconds : null;
    }
}
