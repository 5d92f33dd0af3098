using System.CommandLine;
using AgentFlow.Expressions.Cel;

namespace AgentFlow.Cli.Expressions;

/// <summary><c>af expr</c>: tries expressions out, the way workflows evaluate them.</summary>
internal static class ExprCommand
{
    private const int Failed = 1;

    public static Command Create()
    {
        var expression = new Argument<string?>("expression")
        {
            Description = "The expression. Left out with --ndjson.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var vars = new Option<FileInfo?>("--vars") { Description = "A JSON file with an object: the variables by name.", HelpName = "file" };
        var ndjson = new Option<bool>("--ndjson")
        {
            Description = "Read requests from standard input, one {\"expr\", \"vars\", \"container\", \"disable_macros\"} a line; "
                + "answer each with a line {\"value\": …} or {\"error\": \"…\"}.",
        };
        var typed = new Option<bool>("--typed") { Description = "Variables and results in the JSON form of cel.expr.Value, which keeps all types apart." };

        var eval = new Command("eval", "Evaluate an expression and print its value as JSON.") { expression, vars, ndjson, typed };
        eval.SetAction(parsed =>
        {
            var format = parsed.GetValue(typed) ? ExprFormat.Typed : ExprFormat.Plain;
            var source = parsed.GetValue(expression);
            var file = parsed.GetValue(vars);
            if (!parsed.GetValue(ndjson))
            {
                return source is null ? Misuse("an expression is missing: af expr eval '1 + 1'") : EvaluateOne(source, file, format);
            }

            if (source is not null || file is not null)
            {
                return Misuse("--ndjson takes expressions and variables from standard input only");
            }

            using var input = Console.OpenStandardInput();
            using var output = Console.OpenStandardOutput();
            ExprLines.Answer(input, output, format);
            return 0;
        });
        return new Command("expr", "Work with expressions.") { eval, JsonPathCommand.Create() };
    }

    private static int EvaluateOne(string source, FileInfo? file, ExprFormat format)
    {
        ICelVariables variables = CelVariables.Empty;
        if (file is not null)
        {
            try
            {
                variables = format.ReadVariables(File.ReadAllBytes(file.FullName));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return Misuse($"cannot read {file.FullName}: {error.Message}");
            }
            catch (CelJsonException error)
            {
                return Misuse($"{file.FullName}: {error.Message}");
            }
        }

        if (!CelExpression.TryCompile(source, null, out var expression, out var errors))
        {
            return Fail(string.Join(Environment.NewLine, errors));
        }

        var value = expression.Evaluate(variables);
        if (value.IsError)
        {
            return Fail(value.AsError().ToString());
        }

        try
        {
            // Bytes, so that the terminal's character set cannot change the JSON.
            byte[] json = [.. format.Write(value), (byte)'\n'];
            using var output = Console.OpenStandardOutput();
            output.Write(json);
            return 0;
        }
        catch (CelJsonException error)
        {
            return Fail(error.Message);
        }
    }

    private static int Fail(string message)
    {
        Console.Error.WriteLine(message);
        return Failed;
    }

    private static int Misuse(string message)
    {
        Console.Error.WriteLine(message);
        return ExitCode.Usage;
    }
}
