using System.Runtime.InteropServices;
using SQLitePCL;

namespace AgentFlow.Storage.Sqlite;

/// <summary>Which SQLite library a process uses.</summary>
public enum SqliteEngineChoice
{
    /// <summary>The system's when it is there, otherwise the bundled one. The default.</summary>
    Auto,

    /// <summary>The one in the package (3.35).</summary>
    Bundled,

    /// <summary>The system's; an error when there is none.</summary>
    System,
}

/// <summary>Loads SQLite once per process.</summary>
public static class SqliteEngine
{
    private static readonly Lock Gate = new();
    private static bool _loaded;

    /// <summary>The library's version, for example <c>3.40.1</c>.</summary>
    public static string Version { get; private set; } = "";

    /// <summary>
    /// Chooses and loads the library; later calls change nothing. Without a choice the environment's
    /// <c>AF_SQLITE_ENGINE</c> (auto, bundled, system) decides.
    /// </summary>
    public static void Load(SqliteEngineChoice? choice = null)
    {
        lock (Gate)
        {
            if (_loaded)
            {
                return;
            }

            SqliteEngineChoice wanted = choice ?? FromEnvironment();
            NativeLibrary.SetDllImportResolver(typeof(SQLite3Provider_e_sqlite3).Assembly, (name, assembly, path) =>
                name == "e_sqlite3" && wanted != SqliteEngineChoice.Bundled && TryLoadSystem(wanted, out nint handle) ? handle : NativeLibrary.Load(name, assembly, path));
            raw.SetProvider(new SQLite3Provider_e_sqlite3());
            Version = raw.sqlite3_libversion().utf8_to_string();
            _loaded = true;
        }
    }

    private static SqliteEngineChoice FromEnvironment()
    {
        string? text = Environment.GetEnvironmentVariable("AF_SQLITE_ENGINE");
        return string.IsNullOrEmpty(text) ? SqliteEngineChoice.Auto
            : Enum.TryParse(text, ignoreCase: true, out SqliteEngineChoice choice) ? choice
            : throw new ArgumentException($"AF_SQLITE_ENGINE is '{text}'; use auto, bundled or system.");
    }

    private static bool TryLoadSystem(SqliteEngineChoice wanted, out nint handle)
    {
        if (OperatingSystem.IsLinux() && NativeLibrary.TryLoad("libsqlite3.so.0", out handle))
        {
            return true;
        }

        handle = 0;
        return wanted == SqliteEngineChoice.System
            ? throw new DllNotFoundException("AF_SQLITE_ENGINE is 'system', but libsqlite3.so.0 is not there; install it or use 'bundled'.")
            : false;
    }
}
