using System.Text.Json;
using AgentFlow.Farm.Parameters;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace AgentFlow.Farm.Http;

/// <summary>
/// A request's parameters, from its query or its JSON body. Every fault is collected, so that one answer names them all;
/// parameters that nobody asks for are left alone, because other clients send more.
/// </summary>
internal sealed class RequestParameters(Func<string, (string? Text, bool IsSingle)> find)
{
    private readonly List<ParameterFault> _faults = [];

    public static RequestParameters OfQuery(IQueryCollection query) => new(name =>
    {
        StringValues values = query[name];
        return (values.Count == 0 ? null : values[0], values.Count <= 1);
    });

    /// <param name="body">An object; members are numbers, texts, booleans or null.</param>
    public static RequestParameters OfBody(JsonElement body) => new(name => !body.TryGetProperty(name, out JsonElement value) ? (null, true) : value.ValueKind switch
    {
        JsonValueKind.Null => (null, true),
        JsonValueKind.String => (value.GetString(), true),
        _ => (value.GetRawText(), true),
    });

    /// <summary>The value, or the default; with a fault, the default.</summary>
    public T Read<T>(Parameter<T> parameter)
    {
        var (text, isSingle) = find(parameter.Name);
        if (!isSingle)
        {
            Fault(parameter.Name, $"{parameter.Name} stands more than once; it takes {parameter.Accepts}.");
        }
        else if (!parameter.TryRead(text, out T value, out string? problem))
        {
            Fault(parameter.Name, problem);
        }
        else
        {
            return value;
        }

        return parameter.Default;
    }

    /// <summary>A text as it stands.</summary>
    public string? Text(string name) => find(name).Text;

    public void Fault(string parameter, string message) => _faults.Add(new ParameterFault(parameter, message));

    /// <summary>The answer to all faults; <see langword="null"/> when there are none.</summary>
    public FarmProblem? Problem => _faults.Count == 0 ? null : FarmProblem.Parameters(_faults);
}
