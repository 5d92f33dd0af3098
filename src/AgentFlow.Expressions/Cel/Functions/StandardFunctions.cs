using System.Collections.Frozen;

namespace AgentFlow.Expressions.Cel.Functions;

/// <summary>Every function of the language, by name and call style.</summary>
internal static class StandardFunctions
{
    private static readonly FrozenDictionary<(string Name, bool IsMethod), Overload> ByName = Index(
        [
            .. Conversions.All, .. TextFunctions.All, .. TimeFunctions.All,
            .. StringExtension.All, .. MathExtension.All, .. EncoderExtension.All, .. OptionalExtension.All, .. JsonPathFunction.All,
        ]);

    public static IEnumerable<string> Names => ByName.Keys.Select(key => key.Name);

    public static Overload? Find(string name, bool isMethod) => ByName.GetValueOrDefault((name, isMethod));

    private static FrozenDictionary<(string Name, bool IsMethod), Overload> Index(IEnumerable<Overload> overloads)
    {
        var index = new Dictionary<(string Name, bool IsMethod), Overload>();
        foreach (var overload in overloads)
        {
            if (overload.Style.HasFlag(CelCallStyle.Function))
            {
                index.Add((overload.Name, false), overload);
            }

            if (overload.Style.HasFlag(CelCallStyle.Method))
            {
                index.Add((overload.Name, true), overload);
            }
        }

        return index.ToFrozenDictionary();
    }
}
