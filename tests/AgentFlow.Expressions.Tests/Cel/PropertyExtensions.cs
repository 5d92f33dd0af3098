using FsCheck;

namespace AgentFlow.Expressions.Tests.Cel;

internal static class PropertyExtensions
{
    /// <summary>Tries many cases; a failure names the shrunk case and the seed to replay it with.</summary>
    public static void Hold(this Property property, int cases = 2000) =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(cases).WithQuietOnSuccess(true), property);
}
