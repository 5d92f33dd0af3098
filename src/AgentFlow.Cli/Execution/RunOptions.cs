using System.CommandLine;
using System.CommandLine.Parsing;

namespace AgentFlow.Cli.Execution;

/// <summary>Options that several verbs share.</summary>
internal static class RunOptions
{
    private const int MaxConcurrency = 1_000;

    public static Option<Dictionary<string, string>> Parameters() => Pairs("--parameter", "-p", "Sets a parameter of the template. Can be repeated.");

    public static Option<Dictionary<string, string>> Inputs() =>
        Pairs("--set", "-i", "Sets one member of the input, of every row when there are several. Can be repeated.");

    public static Option<int> Concurrency(int usual)
    {
        var option = new Option<int>("--concurrency") { Description = "Most rows that run at once.", DefaultValueFactory = _ => usual, HelpName = "n" };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out int value) && value is < 1 or > MaxConcurrency)
            {
                result.AddError($"--concurrency {value}: 1 to {MaxConcurrency} rows can run at once.");
            }
        });
        return option;
    }

    private static Option<Dictionary<string, string>> Pairs(string name, string alias, string description) => new(name, alias)
    {
        Description = description,
        HelpName = "name=value",
        DefaultValueFactory = _ => [],
        CustomParser = result => Parse(result, alias),
    };

    private static Dictionary<string, string> Parse(ArgumentResult result, string alias)
    {
        var pairs = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (Token token in result.Tokens)
        {
            int equals = token.Value.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0)
            {
                result.AddError($"{alias} {token.Value}: write {alias} name=value.");
            }
            else if (!pairs.TryAdd(token.Value[..equals], token.Value[(equals + 1)..]))
            {
                result.AddError($"{alias} {token.Value[..equals]} is given twice. Leave one out.");
            }
        }

        return pairs;
    }
}
