using System.Globalization;
using System.Text;
using System.Xml;

namespace AgentFlow.Cli.Scenarios;

/// <summary>Results as JUnit XML, which build servers show as tests.</summary>
internal static class JUnitReport
{
    /// <exception cref="CliException">The file cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<ScenarioResult> results)
    {
        try
        {
            using XmlWriter xml = XmlWriter.Create(path, new XmlWriterSettings { Indent = true, Encoding = new UTF8Encoding(false) });
            Write(xml, results);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Failed($"cannot write {path}: {e.Message}");
        }
    }

    private static void Write(XmlWriter xml, IReadOnlyList<ScenarioResult> results)
    {
        xml.WriteStartElement("testsuites");
        xml.WriteStartElement("testsuite");
        xml.WriteAttributeString("name", "af test");
        xml.WriteAttributeString("tests", Number(results.Count));
        xml.WriteAttributeString("failures", Number(results.Count(r => !r.Passed && r.Diagnostics.Count == 0)));
        xml.WriteAttributeString("errors", Number(results.Count(r => r.Diagnostics.Count > 0)));
        foreach (ScenarioResult result in results)
        {
            xml.WriteStartElement("testcase");
            xml.WriteAttributeString("classname", Text(result.Workflow ?? result.File));
            xml.WriteAttributeString("name", Text(result.Name));
            xml.WriteAttributeString("file", result.File);
            if (!result.Passed)
            {
                xml.WriteStartElement(result.Diagnostics.Count > 0 ? "error" : "failure");
                xml.WriteAttributeString("message", Text(ScenarioText.Reasons(result).FirstOrDefault() ?? ""));
                xml.WriteString(Text(string.Join('\n', ScenarioText.Reasons(result))));
                xml.WriteEndElement();
            }

            xml.WriteEndElement();
        }

        xml.WriteEndElement();
        xml.WriteEndElement();
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>XML has no control characters.</summary>
    private static string Text(string text) => string.Concat(text.Where(c => XmlConvert.IsXmlChar(c) || char.IsSurrogate(c)));
}
