using System.Text;
using AgentFlow.Engine.Definitions;
using AgentFlow.Engine.Definitions.Loading;

namespace AgentFlow.Engine.Tests.Definitions.Loading;

public sealed class WorkflowFilesTests : IDisposable
{
    private const string Plan = "language: 1\nname: a\nversion: 1.0.0\nplanner: dag\nsteps: [{ id: a }]\n";

    private readonly DirectoryInfo _outer = Directory.CreateTempSubdirectory("agentflow-files-");
    private readonly string _folder;

    public WorkflowFilesTests() => _folder = _outer.CreateSubdirectory("workflow").FullName;

    public void Dispose() => _outer.Delete(recursive: true);

    [Fact]
    public void Read_FileAndFolders_GivesEveryListedFile()
    {
        Write("data/b/deep.txt", "deep");
        Write("data/a.jsonl", "{}");
        Write("prompt.md", "hello");
        Write("secret.txt", "not listed");
        Write("empty", "");
        ReadResult read = Read(Plan + "assets: [data/, prompt.md, empty, data/a.jsonl]\n");

        Assert.Empty(read.Diagnostics);
        Assert.Equal(["data/a.jsonl", "data/b/deep.txt", "empty", "prompt.md"], read.Source!.Assets.Files.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("deep", Encoding.UTF8.GetString(read.Source.Assets.Files["data/b/deep.txt"].Span));
        Assert.NotNull(Loading.Loader.Load(read.Source).Definition);
    }

    [Fact]
    public void Read_MarkAndWindowsLines_GivesTheTextWithoutTheMark()
    {
        File.WriteAllBytes(PathOf("w.yaml"), [0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes(Plan.Replace("\n", "\r\n", StringComparison.Ordinal))]);
        ReadResult read = WorkflowFiles.Read(PathOf("w.yaml"));
        Assert.Equal(Plan.Replace("\n", "\r\n", StringComparison.Ordinal), read.Source!.Yaml);
        Assert.Equal(Loading.Definition(Plan).Hash, Loading.Loader.Load(read.Source).Definition!.Hash);
    }

    [Fact]
    public void Read_MissingFile_SaysSo()
    {
        ReadResult read = WorkflowFiles.Read(PathOf("none.yaml"));
        Assert.Null(read.Source);
        AssertFound(read.Diagnostics, "1:1 file-unreadable");
    }

    [Theory]
    [InlineData("")]
    [InlineData("a\0b")]
    public void Read_ImpossiblePath_SaysSo(string path) => AssertFound(WorkflowFiles.Read(path).Diagnostics, "1:1 file-unreadable");

    [Fact]
    public void Read_Folder_SaysSo() => AssertFound(WorkflowFiles.Read(_folder).Diagnostics, "1:1 file-unreadable");

    [Fact]
    public void Read_TooLargeFile_SaysSo()
    {
        File.WriteAllBytes(PathOf("w.yaml"), new byte[LoadLimits.YamlBytes + 1]);
        AssertFound(WorkflowFiles.Read(PathOf("w.yaml")).Diagnostics, "1:1 too-large");
    }

    [Fact]
    public void Read_EndlessFile_SaysSo()
    {
        Assert.SkipUnless(File.Exists("/dev/zero"), "Needs /dev/zero.");
        AssertFound(WorkflowFiles.Read("/dev/zero").Diagnostics, "1:1 too-large");
    }

    [Fact]
    public void Read_OtherEncoding_PointsAtTheByte()
    {
        File.WriteAllBytes(PathOf("w.yaml"), [.. Encoding.UTF8.GetBytes("language: 1\nname: ü😀"), 0xFC, (byte)'\n']);
        AssertFound(WorkflowFiles.Read(PathOf("w.yaml")).Diagnostics, "2:9 invalid-encoding");
    }

    [Fact]
    public void Read_PathsThatAreWrong_AreForTheLoaderToReport()
    {
        ReadResult read = Read(Plan + "assets: [data, ../outside, /etc/passwd]\n");
        Assert.Empty(read.Diagnostics);
        Assert.Empty(read.Source!.Assets.Files);
        AssertFound(Loading.Loader.Load(read.Source).Diagnostics, "6:10 missing-asset", "6:16 invalid-asset-path", "6:28 invalid-asset-path");
    }

    [Fact]
    public void Read_BrokenYaml_IsForTheLoaderToReport()
    {
        ReadResult read = Read(Plan + "assets: [data\n");
        Assert.Empty(read.Diagnostics);
        AssertFound(Loading.Loader.Load(read.Source!).Diagnostics, "6:9 yaml-syntax");
    }

    [Theory]
    [InlineData("link")]
    [InlineData("data")]
    [InlineData("linked-folder/secret.txt")]
    [InlineData("chain")]
    [InlineData("circle")]
    public void Read_LinkThatLeadsOut_IsRefused(string listed)
    {
        string secret = Path.Combine(_outer.FullName, "secret.txt");
        File.WriteAllText(secret, "secret");
        Write("data/inside.txt", "fine");
        File.CreateSymbolicLink(PathOf("link"), secret);
        File.CreateSymbolicLink(PathOf("data/link"), "../../secret.txt");
        Directory.CreateSymbolicLink(PathOf("linked-folder"), "..");
        File.CreateSymbolicLink(PathOf("chain"), "link");
        Directory.CreateSymbolicLink(PathOf("circle"), "..");

        ReadResult read = Read(Plan + $"assets: [{listed}]\n");

        AssertFound(read.Diagnostics, "6:10 asset-outside");
        Assert.DoesNotContain("secret", read.Source!.Assets.Files.Values.Select(f => Encoding.UTF8.GetString(f.Span)));
    }

    [Fact]
    public void Read_LinkWithinTheFolder_IsFollowed()
    {
        Write("data/real.txt", "real");
        File.CreateSymbolicLink(PathOf("link"), "data/real.txt");
        Directory.CreateSymbolicLink(PathOf("data/again"), ".");
        ReadResult read = Read(Plan + "assets: [link, data]\n");
        Assert.Empty(read.Diagnostics);
        Assert.Equal(["data/real.txt", "link"], read.Source!.Assets.Files.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Read_FolderReachedThroughALink_IsItsOwnRoot()
    {
        Write("data/a.txt", "a");
        File.WriteAllText(PathOf("w.yaml"), Plan + "assets: [data]\n");
        string other = Path.Combine(_outer.FullName, "other");
        Directory.CreateSymbolicLink(other, _folder);
        ReadResult read = WorkflowFiles.Read(Path.Combine(other, "w.yaml"));
        Assert.Empty(read.Diagnostics);
        Assert.Equal(["data/a.txt"], read.Source!.Assets.Files.Keys);
    }

    [Fact]
    public void Read_LinksInACircle_AreRefused()
    {
        File.CreateSymbolicLink(PathOf("a"), "b");
        File.CreateSymbolicLink(PathOf("b"), "a");
        AssertFound(Read(Plan + "assets: [a]\n").Diagnostics, "6:10 asset-outside");
    }

    [Fact]
    public void Read_TooManyFiles_StopsAtTheLimit()
    {
        for (int i = 0; i <= LoadLimits.AssetFiles; i++)
        {
            Write($"data/{i}", "x");
        }

        ReadResult read = Read(Plan + "assets: [data]\n");
        AssertFound(read.Diagnostics, "6:10 asset-limit");
        Assert.Equal(LoadLimits.AssetFiles, read.Source!.Assets.Files.Count);
    }

    [Fact]
    public void Read_TooManyBytes_StopsAtTheLimit()
    {
        foreach (string name in new[] { "a", "b", "c" })
        {
            using FileStream file = File.Create(PathOf(name));
            file.SetLength((LoadLimits.AssetBytes / 2) - 10);
        }

        ReadResult read = Read(Plan + "assets: [a, b, c]\n");
        AssertFound(read.Diagnostics, "6:16 asset-limit");
        Assert.Equal(["a", "b"], read.Source!.Assets.Files.Keys);
    }

    [Fact]
    public void Load_UploadedAssetsBeyondTheLimit_AreRefused()
    {
        var assets = new WorkflowAssets(new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal) { ["big"] = new byte[LoadLimits.AssetBytes + 1] });
        AssertFound(Loading.Loader.Load(new WorkflowSource(Plan + "assets: [big]\n", assets)).Diagnostics, "6:1 asset-limit");
    }

    [Fact]
    public void Read_UnreadableAsset_SaysSo()
    {
        Write("data/a.txt", "a");
        using FileStream owner = new(PathOf("data/a.txt"), FileMode.Open, FileAccess.Read, FileShare.None);
        AssertFound(Read(Plan + "assets: [data]\n").Diagnostics, "6:10 asset-unreadable");
    }

    private static void AssertFound(IReadOnlyList<Diagnostic> found, params string[] expected) => Assert.Equal(expected, found.Select(Marked.Place));

    private string PathOf(string relative) => Path.Combine(_folder, relative);

    private void Write(string relative, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(relative))!);
        File.WriteAllText(PathOf(relative), content);
    }

    private ReadResult Read(string yaml)
    {
        File.WriteAllText(PathOf("w.yaml"), yaml);
        return WorkflowFiles.Read(PathOf("w.yaml"));
    }
}
