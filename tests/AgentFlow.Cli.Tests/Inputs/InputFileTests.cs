using System.Text;
using AgentFlow.Cli.Inputs;

namespace AgentFlow.Cli.Tests.Inputs;

public sealed class InputFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("af-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Read_ByteOrderMarks_AreNoPartOfTheFirstColumn()
    {
        foreach (Encoding encoding in new Encoding[] { new UTF8Encoding(true), new UnicodeEncoding(false, true), new UnicodeEncoding(true, true) })
        {
            string path = Write("m.csv", [.. encoding.GetPreamble(), .. encoding.GetBytes("message\nZoë\n")]);
            Assert.Equal("{\"message\":\"Zo\\u00EB\"}", Assert.Single(InputFile.Read(path).Rows).Value.ToJsonString());
        }
    }

    [Fact]
    public void Read_NotUtf8_NamesTheLine()
    {
        string path = Write("m.csv", [.. "message\nok\nZo"u8, 0xEB, .. "\n"u8]);
        CliException error = Assert.Throws<CliException>(() => InputFile.Read(path));
        Assert.Equal((ExitCode.Failed, $"{path}:3: this line is not UTF-8 (byte 0xEB). Save the file as UTF-8."), (error.ExitCode, error.Message));
    }

    [Fact]
    public void Read_NoFile_IsMisuse() =>
        Assert.Equal(ExitCode.Usage, Assert.Throws<CliException>(() => InputFile.Read(Path.Combine(_folder, "none.csv"))).ExitCode);

    [Theory]
    [InlineData("m.txt", "[{\"a\":1}]", false)]
    [InlineData("m.txt", "  {\"a\":1}", false)]
    [InlineData("m.txt", "a\n1", true)]
    [InlineData("m.CSV", "[a]\n1", true)]
    public void Read_Content_TellsTheFormatWhenTheNameDoesNot(string name, string text, bool isText) =>
        Assert.Equal(isText, InputFile.Read(Write(name, Encoding.UTF8.GetBytes(text))).IsText);

    [Fact]
    public void Read_JsonLinesWithOneLine_IsAList() => Assert.True(InputFile.Read(Write("m.jsonl", "{\"a\":1}"u8.ToArray())).IsList);

    private string Write(string name, byte[] content)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, content);
        return path;
    }
}
