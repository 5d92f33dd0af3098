namespace AgentFlow.Cli.Tests.Support;

internal static class Repository
{
    /// <summary>The folder of the sources that this build was made from.</summary>
    public static string Root { get; } = Find(new DirectoryInfo(AppContext.BaseDirectory));

    private static string Find(DirectoryInfo? folder) => folder switch
    {
        null => throw new DirectoryNotFoundException("AgentFlow.slnx was not found above the test."),
        _ when File.Exists(Path.Combine(folder.FullName, "AgentFlow.slnx")) => folder.FullName,
        _ => Find(folder.Parent),
    };
}
