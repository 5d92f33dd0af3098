using System.Diagnostics.CodeAnalysis;

namespace AgentFlow.Farm.Platform;

/// <summary>A platform under test, and the tenant that is used there.</summary>
public sealed record Target
{
    /// <summary>The tenant when nobody names one.</summary>
    public const string DefaultTenant = "stress-test-tenant";

    private const int LongestTenant = 128;

    private Target(Uri address, string tenant) => (Address, Tenant) = (address, tenant);

    /// <summary>Shown as <c>Authorization: Bearer</c> to a platform that asks who is calling; never written anywhere.</summary>
    public string? Token { get; init; }

    /// <summary>Ends with a slash: the protocol's paths follow.</summary>
    public Uri Address { get; }

    /// <summary>The value of <c>X-Tenant-ID</c>.</summary>
    public string Tenant { get; }

    /// <summary>Reads an address of http or https, with or without a path.</summary>
    /// <param name="tenant"><see langword="null"/> or empty: <see cref="DefaultTenant"/>.</param>
    /// <param name="problem">What is wrong and what to write.</param>
    public static bool TryParse(string? address, string? tenant, [NotNullWhen(true)] out Target? target, [NotNullWhen(false)] out string? problem)
    {
        target = null;
        problem = null;
        string shown = address is null ? "" : address.Length <= 80 ? address : address[..80] + "…";
        if (!Uri.TryCreate(address?.Trim(), UriKind.Absolute, out Uri? uri) || (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps))
        {
            problem = $"target_url is '{shown}'; it takes an address such as http://127.0.0.1:8000.";
        }
        else if (uri.UserInfo.Length > 0 || uri.Query.Length > 0 || uri.Fragment.Length > 0)
        {
            problem = "target_url takes scheme, host, port and path alone: no user, no query, no fragment.";
        }
        else if (tenant is { Length: > LongestTenant } || tenant?.AsSpan().IndexOfAnyExceptInRange('!', '~') >= 0)
        {
            problem = $"tenant_id takes 1 to {LongestTenant} visible ASCII characters: it becomes the header X-Tenant-ID.";
        }
        else
        {
            target = new Target(new Uri(uri.GetLeftPart(UriPartial.Path).TrimEnd('/') + "/"), string.IsNullOrEmpty(tenant) ? DefaultTenant : tenant);
        }

        return problem is null;
    }

    /// <param name="path">Below the address, without a leading slash; parts from outside must be escaped.</param>
    public Uri At(string path) => new(Address, path);

    internal void Sign(System.Net.Http.Headers.HttpRequestHeaders headers)
    {
        headers.TryAddWithoutValidation("X-Tenant-ID", Tenant);
        if (Token is not null)
        {
            headers.TryAddWithoutValidation("Authorization", $"Bearer {Token}");
        }
    }

    public override string ToString() => Address.ToString().TrimEnd('/');
}
