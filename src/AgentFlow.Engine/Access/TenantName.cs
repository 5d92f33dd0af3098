namespace AgentFlow.Engine.Access;

/// <summary>The names of tenants, which are also their ids.</summary>
public static class TenantName
{
    /// <summary>The tenant that every deployment has.</summary>
    public const string Default = "default";

    /// <summary>What a name looks like, as a regular expression.</summary>
    public const string Pattern = "^[a-z0-9][a-z0-9_-]{0,62}$";

    private const int MaxLength = 63;

    public static bool IsValid(string text)
    {
        if (text.Length is 0 or > MaxLength || text[0] is '_' or '-')
        {
            return false;
        }

        foreach (char c in text)
        {
            if (c is not ((>= 'a' and <= 'z') or (>= '0' and <= '9') or '_' or '-'))
            {
                return false;
            }
        }

        return true;
    }
}
