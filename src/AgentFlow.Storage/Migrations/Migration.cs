using System.Globalization;
using System.Reflection;

namespace AgentFlow.Storage;

/// <summary>One numbered, forward-only change of a schema, from an embedded file <c>NNNN_name.sql</c>.</summary>
internal sealed record Migration(int Version, string Name, string Sql)
{
    /// <param name="store">Folder of the store's files.</param>
    public static IReadOnlyList<Migration> All(string store)
    {
        Assembly assembly = typeof(Migration).Assembly;
        return
        [
            .. from resource in assembly.GetManifestResourceNames()
               where resource.StartsWith(store + "/", StringComparison.Ordinal)
               let name = Path.GetFileNameWithoutExtension(resource)
               let version = int.Parse(name.AsSpan(0, 4), CultureInfo.InvariantCulture)
               orderby version
               select new Migration(version, name[5..], Read(assembly, resource)),
        ];
    }

    private static string Read(Assembly assembly, string resource)
    {
        using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
        return reader.ReadToEnd();
    }
}
