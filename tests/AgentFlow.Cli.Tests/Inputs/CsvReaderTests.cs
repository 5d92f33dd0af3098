using System.Text;
using AgentFlow.Cli.Inputs;
using FsCheck;
using FsCheck.Fluent;

namespace AgentFlow.Cli.Tests.Inputs;

public sealed class CsvReaderTests
{
    [Theory]
    [InlineData("a,b\n1,2\n")]
    [InlineData("a,b\r\n1,2\r\n")]
    [InlineData("a,b\r1,2")]
    [InlineData("a;b\n1;2")]
    [InlineData("a\tb\n1\t2")]
    [InlineData("sep=|\na|b\n1|2")]
    [InlineData("\n\na,b\n\n1,2\n\n")]
    [InlineData("\"a\", b\n\"1\",2")]
    public void Read_Variants_GiveTheSameRow(string text) => Assert.Equal(["a=1|b=2"], Rows(text));

    [Fact]
    public void Read_QuotedCells_KeepDelimitersQuotesAndLineBreaks() => Assert.Equal(
        ["text=one, \"two\"\nthree|n=1", "text=|n=2"],
        Rows("text,n\n\"one, \"\"two\"\"\nthree\",1\n\"\",2\n"));

    [Fact]
    public void Read_DelimiterInQuotedHeader_IsNotSniffed() => Assert.Equal(["a;b;c=1|d=2"], Rows("\"a;b;c\",d\n1,2"));

    [Fact]
    public void Read_Lines_CountBreaksInsideCells()
    {
        IReadOnlyList<InputRow> rows = CsvReader.Read("f.csv", "a\n\"x\r\ny\"\nz\n");
        Assert.Equal([(1, 2), (2, 4)], rows.Select(r => (r.Number, r.Line)));
    }

    [Theory]
    [InlineData("", "f.csv is empty.")]
    [InlineData("a,b\n1\n", "f.csv:2: row 1 has 1 cells, the header has 2 columns (a, b).")]
    [InlineData("a,b\n1,2\n1,2,3\n", "f.csv:3: row 2 has 3 cells, the header has 2 columns (a, b).")]
    [InlineData("a,\n1,2\n", "f.csv:1: column 2 has no name.")]
    [InlineData("a,a\n1,2\n", "f.csv:1: two columns are named 'a'.")]
    [InlineData("a\nx\n\"open\ny\n", "f.csv:3: the quote that opens a cell on this line is never closed.")]
    [InlineData("a\n\"x\"y\n", "f.csv:2: text follows the closing quote of a cell.")]
    public void Read_Broken_NamesThePlace(string text, string message) =>
        Assert.StartsWith(message, Assert.Throws<InputException>(() => CsvReader.Read("f.csv", text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_TooManyRows_SaysHowMany()
    {
        string text = "a\n" + string.Concat(Enumerable.Repeat("x\n", InputRows.MaxRows + 1));
        Assert.Equal("f.csv has more than 200,000 rows. Split it and run the parts one after another.", Assert.Throws<InputException>(() => CsvReader.Read("f.csv", text)).Message);
    }

    [Fact]
    public void Read_WhatAWriterQuotes_ComesBackAsItWas()
    {
        Gen<string> cell = Gen.Elements("", "a", "\"", ",", "\n", "\r\n", ";", "\t", "é", "x y").ListOf().Select(string.Concat);
        Gen<string[][]> table = Gen.ArrayOf(Gen.ArrayOf(cell, 3)).Where(rows => rows.Length > 0);
        Prop.ForAll(table.ToArbitrary(), rows =>
        {
            var text = new StringBuilder("a,b,c\n");
            foreach (string[] row in rows)
            {
                text.AppendJoin(',', row.Select(c => $"\"{c.Replace("\"", "\"\"", StringComparison.Ordinal)}\"")).Append('\n');
            }

            return CsvReader.Read("f.csv", text.ToString()).Select(r => r.Value.Select(c => c.Value!.GetValue<string>())).SelectMany(c => c)
                .SequenceEqual(rows.SelectMany(r => r));
        }).QuickCheckThrowOnFailure();
    }

    private static string[] Rows(string text) => [.. CsvReader.Read("f.csv", text).Select(r => string.Join('|', r.Value.Select(c => $"{c.Key}={c.Value}")))];
}
