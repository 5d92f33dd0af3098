using System.Globalization;

namespace AgentFlow.Cli.Templates;

/// <summary>Values for a template's parameters, checked, and written into the workflow file.</summary>
internal static class TemplateValues
{
    /// <summary>The workflow file's text with the values in their places; everything else stays as it is, comments included.</summary>
    /// <param name="yaml">The text of the template's workflow file.</param>
    /// <param name="values">What <c>-p name=value</c> said.</param>
    /// <exception cref="CliException">There is no such parameter, or it does not take the value.</exception>
    public static string Apply(Template template, string yaml, IReadOnlyDictionary<string, string> values)
    {
        foreach ((string name, string value) in values)
        {
            TemplateParameter parameter = template.Parameters.FirstOrDefault(p => p.Name == name)
                ?? throw CliException.Usage($"the template {template.Name} has no parameter '{name}'. It has: {string.Join(", ", template.Parameters.Select(p => p.Name))}.");
            string scalar = Scalar(parameter, value);
            foreach (string pointer in parameter.Sets)
            {
                yaml = YamlEdit.Replace(yaml, pointer, scalar)
                    ?? throw CliException.Failed($"the template {template.Name} is broken: its parameter '{name}' sets {pointer}, which is no value in {template.Workflow}.");
            }
        }

        return yaml;
    }

    /// <summary>The value as YAML.</summary>
    private static string Scalar(TemplateParameter parameter, string value) => parameter.Type switch
    {
        "enum" => parameter.Values.Contains(value) ? YamlEdit.Text(value) : throw Refused(parameter, value, $"one of {string.Join(", ", parameter.Values)}"),
        "boolean" => value is "true" or "false" ? value : throw Refused(parameter, value, "true or false"),
        "number" or "integer" => Number(parameter, value),
        _ => YamlEdit.Text(value),
    };

    private static string Number(TemplateParameter parameter, string value)
    {
        bool isNumber = double.TryParse(value, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number)
            && double.IsFinite(number) && (parameter.Type == "number" || double.IsInteger(number));
        if (!isNumber || number < parameter.Minimum || number > parameter.Maximum)
        {
            string bounds = (parameter.Minimum, parameter.Maximum) switch
            {
                ({ } least, { } most) => $" from {least} to {most}",
                ({ } least, null) => $" of at least {least}",
                (null, { } most) => $" of at most {most}",
                _ => "",
            };
            throw Refused(parameter, value, $"{(parameter.Type == "integer" ? "a whole number" : "a number")}{bounds}");
        }

        return value;
    }

    private static CliException Refused(TemplateParameter parameter, string value, string wanted) =>
        CliException.Usage($"-p {parameter.Name}={value}: '{parameter.Name}' takes {wanted}.");
}
