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

    public static TokenOptions Tokens(Settings settings, List<string> problems)
    {
        var defaults = new TokenOptions();
        return new TokenOptions
        {
            Lifetime = ServerOptions.Time(settings, "AF_TOKEN_LIFETIME", 30, 3600, problems) ?? defaults.Lifetime,
            RefreshLifetime = ServerOptions.Time(settings, "AF_REFRESH_LIFETIME", 60, 90 * 86_400, problems) ?? defaults.RefreshLifetime,
            KeyRotation = ServerOptions.Time(settings, "AF_KEY_ROTATION", 60, 30 * 86_400, problems) ?? defaults.KeyRotation,
        };
    }

    public static OidcOptions? Oidc(Settings settings, List<string> problems)
    {
        if (settings["AF_OIDC_ISSUER"] is not { } issuer)
        {
            foreach (string name in (string[])["AF_OIDC_AUDIENCE", "AF_OIDC_TENANT_CLAIM", "AF_OIDC_TENANT", "AF_OIDC_ROLES_CLAIM", "AF_OIDC_ROLE_MAP"])
            {
                if (settings[name] is not null)
                {
                    problems.Add($"{settings.Source(name)} is set and AF_OIDC_ISSUER is not: set it to the provider's issuer, such as https://login.example.com");
                }
            }

            return null;
        }

        if (OidcOptions.AddressProblem(issuer) is { } problem)
        {
            problems.Add($"{settings.Source("AF_OIDC_ISSUER")} is '{issuer}', which {problem}; write the provider's issuer as it spells it, such as https://login.example.com");
        }

        if (settings["AF_OIDC_TENANT"] is { } tenant && !TenantName.IsValid(tenant))
        {
            problems.Add($"{settings.Source("AF_OIDC_TENANT")} is '{tenant}': a tenant's name matches {TenantName.Pattern}");
        }

        var defaults = new OidcOptions { Issuer = issuer };
        return defaults with
        {
            Audience = settings["AF_OIDC_AUDIENCE"] ?? defaults.Audience,
            TenantClaim = settings["AF_OIDC_TENANT_CLAIM"],
            Tenant = settings["AF_OIDC_TENANT"] ?? defaults.Tenant,
            RolesClaim = settings["AF_OIDC_ROLES_CLAIM"] ?? defaults.RolesClaim,
            RoleMap = RoleMap(settings, problems),
        };
    }

    public static TlsOptions? Tls(Settings settings, List<string> problems)
    {
        string? certificate = settings["AF_TLS_CERT"];
        string? key = settings["AF_TLS_KEY"];
        string? authority = settings["AF_TLS_CLIENT_CA"];
        if (certificate is null && key is null && authority is null)
        {
            return null;
        }

        foreach (string name in (string[])["AF_TLS_CERT", "AF_TLS_KEY", "AF_TLS_CLIENT_CA"])
        {
            if (settings[name] is { } path && !File.Exists(path))
            {
                problems.Add($"{settings.Source(name)} names '{path}', which does not exist: name a PEM file");
            }
        }

        if (certificate is null || key is null)
        {
            problems.Add("AF_TLS_CERT and AF_TLS_KEY go together: set both to PEM files");
            return null;
        }

        return new TlsOptions { Certificate = Path.GetFullPath(certificate), Key = Path.GetFullPath(key), ClientAuthority = authority is null ? null : Path.GetFullPath(authority) };
    }

    /// <param name="name">What the two settings' names begin with.</param>
    /// <param name="usual">What holds where nothing is set; <see langword="null"/>: no limit.</param>
    public static RateLimit? Rate(Settings settings, string name, RateLimit? usual, List<string> problems)
    {
        string sustained = name + "_SUSTAINED";
        string? text = settings[sustained];
        int? burst = ServerOptions.Count(settings, name + "_BURST", MaxBurst, problems);
        if (text == "off" || (text is null && burst is null && usual is null))
        {
            return null;
        }

        double perSecond = usual?.PerSecond ?? burst / 2.0 ?? 0;
        if (text is not null && PerSecond(text) is not { } read)
        {
            problems.Add($"{settings.Source(sustained)} is '{text}': write requests a second or minute, such as 50/s or 600/m, or off");
        }
        else if (text is not null)
        {
            perSecond = PerSecond(text)!.Value;
        }

        return new RateLimit(burst ?? usual?.Burst ?? (int)Math.Clamp(Math.Ceiling(2 * perSecond), 1, MaxBurst), perSecond);
    }

    /// <summary>What one setting says about another.</summary>
    public static void Hold(Settings settings, ServerOptions options, List<string> problems)
    {
        if (options.Oidc is not null && options.Access == AccessMode.Open)
        {
            problems.Add($"{settings.Source("AF_OIDC_ISSUER")} is set, but nobody is asked for a token: set AF_ACCESS=required too");
        }

        if (options.TlsProblem() is { } problem)
        {
            problems.Add($"{settings.Source(settings["AF_URL"] is null ? "AF_TLS_CERT" : "AF_URL")}: {problem}");
        }
    }

    private static Dictionary<string, string> RoleMap(Settings settings, List<string> problems)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string pair in (settings["AF_OIDC_ROLE_MAP"] ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            int equals = pair.LastIndexOf('=');
            if (equals <= 0 || !Role.IsName(pair[(equals + 1)..].Trim()) || !map.TryAdd(pair[..equals].Trim(), pair[(equals + 1)..].Trim()))
            {
                problems.Add($"{settings.Source("AF_OIDC_ROLE_MAP")} has '{pair}': write theirs=ours, each of theirs once, such as staff=operator,admins=admin");
            }
        }

        return map;
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
