namespace AgentFlow.Engine.Access;

/// <summary>The names under which users log in: lower case, so that no two differ in case alone.</summary>
public static class UserName
{
    /// <summary>What a name looks like, as a regular expression.</summary>
    public const string Pattern = "^[a-z0-9][a-z0-9._@+-]{0,127}$";

    private const int MaxLength = 128;

    public static bool IsValid(string text) =>
        text.Length is > 0 and <= MaxLength
        && IsPlain(text[0])
        && text.All(static c => IsPlain(c) || c is '.' or '_' or '@' or '+' or '-');

    private static bool IsPlain(char c) => c is (>= 'a' and <= 'z') or (>= '0' and <= '9');
}
