using AgentFlow.Storage.Postgres;
using Npgsql;

namespace AgentFlow.Storage.Tests.Postgres;

public class PostgresDsnTests
{
    [Theory]
    [InlineData("postgres://ann:s%40fe@db.example:6432/flows?sslmode=verify-full&connect_timeout=7", "db.example", 6432, "ann", "s@fe", "flows", SslMode.VerifyFull, 7)]
    [InlineData("postgresql://ann:a:b@[::1]/flows", "::1", 5432, "ann", "a:b", "flows", SslMode.Prefer, 15)]
    [InlineData("postgres://ann@/flows?host=/var/run/postgresql", "/var/run/postgresql", 5432, "ann", null, "flows", SslMode.Prefer, 15)]
    [InlineData("host=db.example port=6432 user=ann password='it\\'s me' dbname=flows sslmode=disable", "db.example", 6432, "ann", "it's me", "flows", SslMode.Disable, 15)]
    [InlineData("Host=db.example;Port=6432;Username=ann;Password=x;Database=flows;Timeout=9", "db.example", 6432, "ann", "x", "flows", SslMode.Prefer, 9)]
    public void Parse_EveryForm_GivesTheSameSettings(string dsn, string host, int port, string user, string? password, string database, SslMode ssl, int timeout)
    {
        NpgsqlConnectionStringBuilder settings = PostgresDsn.Parse(dsn);
        Assert.Equal((host, port, user, password, database, ssl, timeout), (settings.Host, settings.Port, settings.Username, settings.Password, settings.Database, settings.SslMode, settings.Timeout));
    }

    [Theory]
    [InlineData("postgres://ann:secret@db.example:x/flows", "'x' is no value for 'port'")]
    [InlineData("postgres://ann:secret@db.example/flows?pooling=yes", "'pooling' is not a setting. Known are: host, port")]
    [InlineData("postgres://ann:secret@db.example/flows?sslmode=maybe", "'maybe' is no value for 'sslmode'")]
    [InlineData("postgres:///flows", "names no host")]
    [InlineData("host=db.example password='secret", "the quote of 'password' is never closed")]
    [InlineData("./agentflow.db", "neither sqlite:… nor a PostgreSQL DSN")]
    [InlineData("Host=db.example;Colour=red;Password=secret", "cannot be read")]
    public void Parse_Nonsense_SaysWhatIsWrongAndKeepsThePassword(string dsn, string message)
    {
        string thrown = Assert.Throws<FormatException>(() => PostgresDsn.Parse(dsn)).Message;
        Assert.Contains(message, thrown);
        Assert.DoesNotContain("secret", thrown);
    }

    [Fact]
    public void Describe_NamesTheServerWithoutThePassword() =>
        Assert.Equal("ann@db.example:6432/flows", PostgresDsn.Describe(PostgresDsn.Parse("postgres://ann:secret@db.example:6432/flows")));
}
