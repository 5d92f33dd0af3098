// Draws what a program printed on a terminal as an SVG picture: text stays text, colours are those of the escape sequences.
//   script -qec "stty cols 180; ./af demo support 2>/dev/null" /dev/null | dotnet run docs/images/terminal-svg.cs "./af demo support" > docs/images/demo.svg
#:property PublishAot=false
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;

const double Cell = 8.4;
const double Line = 18;
const double Margin = 16;
const double Bar = 34;
string[] palette = ["#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#c9d1d9"];

Console.InputEncoding = Encoding.UTF8;
Console.OutputEncoding = new UTF8Encoding(false);
string title = args.Length > 0 ? args[0] : "";
string[] lines = Console.In.ReadToEnd().Replace("\r", "").TrimEnd('\n').Split('\n');
var body = new StringBuilder();
int columns = 0;
for (int row = 0; row < lines.Length; row++)
{
    int column = 0;
    string colour = "#c9d1d9";
    bool bold = false, dim = false;
    foreach (Match part in Regex.Matches(lines[row], "\u001b\\[([0-9;?]*)([A-Za-z])|\u001b[=>]|[^\u001b]+"))
    {
        if (part.Value[0] != '\u001b')
        {
            string text = part.Value;
            // Word by word where gaps are wide: viewers disagree about white space, and columns must stay columns.
            foreach (Match word in Regex.Matches(text, @"\S+( \S+)*"))
            {
                string x = Number(Margin + (column + word.Index) * Cell);
                string y = Number(Bar + Margin + (row + 0.75) * Line);
                body.Append(CultureInfo.InvariantCulture, $"<text x=\"{x}\" y=\"{y}\" textLength=\"{Number(word.Length * Cell)}\" fill=\"{colour}\"");
                body.Append(bold ? " font-weight=\"bold\"" : "").Append(dim ? " opacity=\"0.6\"" : "").Append('>').Append(WebUtility.HtmlEncode(word.Value)).Append("</text>\n");
            }

            column += text.Length;
            continue;
        }

        int[] codes = part.Groups[2].Value == "m" ? [.. part.Groups[1].Value.Split(';').Select(c => c.Length == 0 ? 0 : int.Parse(c, CultureInfo.InvariantCulture))] : [];
        for (int i = 0; i < codes.Length; i++)
        {
            switch (codes[i])
            {
                case 0: (colour, bold, dim) = ("#c9d1d9", false, false); break;
                case 1: bold = true; break;
                case 2: dim = true; break;
                case >= 30 and <= 37: colour = palette[codes[i] - 30]; break;
                case >= 90 and <= 97: colour = palette[codes[i] - 90]; break;
                case 38 when i + 2 < codes.Length: colour = palette[codes[i += 2] % 8]; break;
            }
        }
    }

    columns = Math.Max(columns, column);
}

double width = columns * Cell + 2 * Margin;
double height = lines.Length * Line + 2 * Margin + Bar;
Console.WriteLine($"""
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Number(width)} {Number(height)}" width="{Number(width)}" height="{Number(height)}" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">
    <title>{WebUtility.HtmlEncode(title)}</title>
    <rect width="100%" height="100%" rx="8" fill="#0d1117"/>
    <circle cx="20" cy="18" r="6" fill="#ff5f57"/><circle cx="40" cy="18" r="6" fill="#febc2e"/><circle cx="60" cy="18" r="6" fill="#28c840"/>
    <text x="{Number(width / 2)}" y="23" text-anchor="middle" fill="#8b949e">{WebUtility.HtmlEncode(title)}</text>
    """);
Console.Write(body);
Console.WriteLine("</svg>");

static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
