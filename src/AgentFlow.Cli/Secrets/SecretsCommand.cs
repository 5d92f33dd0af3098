using System.CommandLine;
using System.Text;
using AgentFlow.Cli.Servers;
using AgentFlow.Client;

namespace AgentFlow.Cli.Secrets;

/// <summary><c>af secrets</c>: names and ages, and putting values in. A value is never an argument, where other users and histories would see it.</summary>
internal static class SecretsCommand
{
    private const int PageSize = 500;
    private const int MaxValue = 64 * 1024;

    private static readonly Argument<string> Name = new("name") { Description = "The secret's name: letters, digits, '-' and '_'." };
    private static readonly Option<string[]> Field = new("--field") { Description = "Read one field a line, in this order, instead of one text; can be repeated.", HelpName = "name", DefaultValueFactory = _ => [] };
    private static readonly Option<string?> FromFile = new("--from-file") { Description = "Read the value from this file instead of standard input.", HelpName = "file" };
    private static readonly Option<string?> RotateEvery = new("--rotate-every") { Description = "When it is to be replaced, for example 90d; never ends a schedule.", HelpName = "days" };

    public static Command Create() => new("secrets", "Keep secrets, and see when they are to be replaced.")
    {
        Verb("list", "List the names of secrets.", ListAsync, []),
        Verb("set", "Add a secret, or give it another value, from standard input.", i => WriteAsync(i, mustExist: false), [Field, FromFile, RotateEvery], Name),
        Verb("rotate", "Give a secret that exists another value, from standard input.", i => WriteAsync(i, mustExist: true), [Field, FromFile, RotateEvery], Name),
        Verb("status", "Show the age of secrets and when they are due; fails when one is overdue.", StatusAsync, []),
        Verb("remove", "Remove a secret.", RemoveAsync, [], Name),
    };

    private static Command Verb(string name, string description, Func<Invocation, Task<int>> work, Option[] options, params Argument[] arguments)
    {
        var command = new Command(name, description);
        Array.ForEach(arguments, command.Add);
        Array.ForEach(options, command.Add);
        command.Does(work);
        return command;
    }

    private static async Task<int> ListAsync(Invocation invocation)
    {
        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        SecretsText.List(invocation.Terminal, await AllAsync(connection, invocation.Cancelled));
        return ExitCode.Ok;
    }

    private static async Task<int> StatusAsync(Invocation invocation)
    {
        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        List<Secret> secrets = await AllAsync(connection, invocation.Cancelled);
        SecretsText.Status(invocation.Terminal, secrets);
        return secrets.Exists(s => s.Status == "overdue") ? ExitCode.Failed : ExitCode.Ok;
    }

    private static async Task<int> WriteAsync(Invocation invocation, bool mustExist)
    {
        string name = invocation.Get(Name)!;
        string text = await ReadAsync(invocation);
        string[] fields = invocation.Get(Field) ?? [];
        var values = new SecretValues(fields.Length == 0 ? text : null, fields.Length == 0 ? null : Fields(fields, text), invocation.Get(RotateEvery));
        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        Secret secret = mustExist
            ? await connection.Client.RotateSecretAsync(name, values, invocation.Cancelled)
            : await connection.Client.SetSecretAsync(name, values, invocation.Cancelled);
        SecretsText.Written(invocation.Terminal, secret);
        return ExitCode.Ok;
    }

    private static async Task<int> RemoveAsync(Invocation invocation)
    {
        await using Connection connection = await Connection.OpenForReadingAsync(invocation);
        await connection.Client.RemoveSecretAsync(invocation.Get(Name)!, invocation.Cancelled);
        invocation.Terminal.Note($"{invocation.Get(Name)} is removed");
        return ExitCode.Ok;
    }

    private static async Task<List<Secret>> AllAsync(Connection connection, CancellationToken cancelled)
    {
        var secrets = new List<Secret>();
        string? cursor = null;
        do
        {
            Page<Secret> page = await connection.Client.ListSecretsAsync(PageSize, cursor, cancelled);
            secrets.AddRange(page.Items);
            cursor = page.NextCursor;
        }
        while (cursor is not null);

        return secrets;
    }

    private static Dictionary<string, string> Fields(string[] names, string text)
    {
        string[] lines = text.Split('\n');
        return lines.Length == names.Length && names.Distinct(StringComparer.Ordinal).Count() == names.Length
            ? names.Zip(lines).ToDictionary(f => f.First, f => f.Second.TrimEnd('\r'), StringComparer.Ordinal)
            : throw CliException.Usage($"{names.Length} fields are named and {lines.Length} lines were read: give one line a field, each field once.");
    }

    /// <summary>The value without the line end that editors and echo put behind it.</summary>
    private static async Task<string> ReadAsync(Invocation invocation)
    {
        string text;
        try
        {
            if (invocation.Get(FromFile) is { } file)
            {
                text = new FileInfo(file).Length <= MaxValue ? await File.ReadAllTextAsync(file, invocation.Cancelled) : throw CliException.Usage($"{file} has more than {MaxValue} bytes: that is no secret.");
            }
            else
            {
                if (!Console.IsInputRedirected)
                {
                    invocation.Terminal.Note("The value, then Enter (it is not shown):");
                    return Hidden(invocation);
                }

                char[] read = new char[MaxValue + 2];
                using var input = new StreamReader(Console.OpenStandardInput(), Encoding.UTF8);
                int length = await input.ReadBlockAsync(read, invocation.Cancelled);
                text = new string(read, 0, length);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.Failed($"cannot read the value: {e.Message}");
        }

        text = text.EndsWith("\r\n", StringComparison.Ordinal) ? text[..^2] : text.EndsWith('\n') ? text[..^1] : text;
        return text.Length is > 0 and <= MaxValue ? text : throw CliException.Usage(text.Length == 0 ? "there is no value: give it on standard input, or name a file with --from-file." : $"the value has more than {MaxValue} characters.");
    }

    private static string Hidden(Invocation invocation)
    {
        var text = new StringBuilder();
        while (text.Length < MaxValue)
        {
            ConsoleKeyInfo key = Console.ReadKey(intercept: true);
            if (key.Key == ConsoleKey.Enter)
            {
                break;
            }

            if (key.Key == ConsoleKey.Backspace)
            {
                text.Length = Math.Max(0, text.Length - 1);
            }
            else if (key.KeyChar != '\0')
            {
                text.Append(key.KeyChar);
            }

            invocation.Cancelled.ThrowIfCancellationRequested();
        }

        return text.Length > 0 ? text.ToString() : throw CliException.Usage("there is no value.");
    }
}
