using AgentFlow.Engine.Access;

namespace AgentFlow.Engine.Tests.Access;

public class PrincipalTests
{
    private static readonly Role Support = new("support", "", PermissionSet.Of(Permission.WorkflowsExecute, Permission.NetworkHttp))
    {
        AllowedTools = new NamePatterns(["skill.echo", "crm.*"]),
        Policies = new RolePolicies { Workflows = new NamePatterns(["support*"]), MaxRunNanoDollars = 50_000_000 },
    };

    [Fact]
    public void Permissions_SeveralRoles_AreTheirUnionUnderTheCeiling()
    {
        Role[] roles = [BuiltInRoles.Find("viewer")!, BuiltInRoles.Find("approver")!];
        var free = new Principal(PrincipalKind.User, "1", "u", "t", roles);
        var narrow = new Principal(PrincipalKind.ApiKey, "2", "k", "t", roles, PermissionSet.Parse(["runs.*"]));
        Assert.True(free.May(Permission.RunsResolve) && free.May(Permission.WorkflowsRead) && !free.May(Permission.RunsControl));
        Assert.Equal(["runs.read", "runs.signal", "runs.resolve"], narrow.Permissions.Names);
        Assert.Equal(("user:1", "api_key:2"), (free.Actor, narrow.Actor));
    }

    [Theory]
    [InlineData("support-eu", 50_000_000L, null)]
    [InlineData("support-eu", 50_000_001L, "at most $0.05; 'support-eu' may cost $0.050000001")]
    [InlineData("support-eu", null, "'support-eu' has no policies.max_budget")]
    [InlineData("billing", 1L, "starts support*, not 'billing'")]
    public void StartProblem_PoliciesOfTheRole_Decide(string workflow, long? budget, string? problem)
    {
        var principal = new Principal(PrincipalKind.User, "1", "u", "t", [Support]);
        if (problem is null)
        {
            Assert.Null(principal.StartProblem(workflow, budget));
        }
        else
        {
            Assert.Contains(problem, principal.StartProblem(workflow, budget));
        }
    }

    [Fact]
    public void StartProblem_OneRoleIsEnough() =>
        Assert.Null(new Principal(PrincipalKind.User, "1", "u", "t", [Support, BuiltInRoles.Find("operator")!]).StartProblem("billing", null));

    [Fact]
    public void StartProblem_WithoutThePermission_NamesIt() =>
        Assert.Contains("workflows.execute", new Principal(PrincipalKind.User, "1", "u", "t", [BuiltInRoles.Find("viewer")!]).StartProblem("w", null));

    [Fact]
    public void Authority_IsTheToolsOfTheRoles()
    {
        RunAuthority support = new Principal(PrincipalKind.User, "1", "u", "t", [Support]).Authority();
        Assert.Equal(["network.http"], support.Permissions.Names);
        Assert.True(support.AllowedTools!.Matches("crm.find") && support.AllowedTools.Matches("skill.echo") && !support.AllowedTools.Matches("skill.echo2"));
        Assert.Null(new Principal(PrincipalKind.User, "1", "u", "t", [Support, BuiltInRoles.Find("operator")!]).Authority().AllowedTools);
        Assert.True(Principal.Open("t").Authority().IsUnrestricted);
        Assert.False(support.IsUnrestricted);
    }

    [Theory]
    [InlineData("support-eu", 50_000_000L, null)]
    [InlineData("support-eu", 50_000_001L, "of at most $0.05, and this one may cost $0.050000001")]
    [InlineData("support-eu", null, "and this one has no limit")]
    [InlineData("billing", 1L, "its starter's roles start support*, not 'billing'")]
    public void Authority_StartsWhatTheRolesStart(string workflow, long? budget, string? problem)
    {
        RunAuthority authority = new Principal(PrincipalKind.User, "1", "u", "t", [Support, BuiltInRoles.Find("viewer")!]).Authority();
        Assert.Equal(workflow == "billing", authority.Starts!.Problem(workflow) is not null);
        if (problem is null)
        {
            Assert.Null(authority.Starts!.Problem(workflow, budget));
        }
        else
        {
            Assert.Contains(problem, authority.Starts!.Problem(workflow, budget));
        }
    }

    [Fact]
    public void Authority_OfWhomTheRolesLetStartAnything_IsNotLimited()
    {
        Assert.Null(new Principal(PrincipalKind.User, "1", "u", "t", [Support, BuiltInRoles.Find("operator")!]).Authority().Starts);
        RunAuthority nothing = new Principal(PrincipalKind.User, "1", "u", "t", [BuiltInRoles.Find("viewer")!]).Authority();
        Assert.Contains("do not grant workflows.execute", nothing.Starts!.Problem("billing"));
        Assert.False(nothing.IsUnrestricted);
    }

    [Fact]
    public void Authority_IsComparedByContent()
    {
        RunAuthority one = new Principal(PrincipalKind.User, "1", "u", "t", [Support]).Authority();
        RunAuthority same = new Principal(PrincipalKind.User, "2", "v", "t", [Support with { Policies = new RolePolicies { Workflows = new NamePatterns(["support*"]), MaxRunNanoDollars = 50_000_000 } }]).Authority();
        RunAuthority other = new Principal(PrincipalKind.User, "1", "u", "t", [Support with { Policies = new RolePolicies { Workflows = new NamePatterns(["support"]), MaxRunNanoDollars = 50_000_000 } }]).Authority();
        Assert.Equal(one, same);
        Assert.Equal(one.GetHashCode(), same.GetHashCode());
        Assert.NotEqual(one, other);
        Assert.NotEqual(one, one with { Starts = null });
    }

    [Fact]
    public void BuiltInRoles_AreThoseThatWerePromised()
    {
        string[] promised = ["viewer", "operator", "developer", "approver", "admin", "auditor", "agent", "reviewer", "security", "database", "frontend", "backend", "tester", "analyst", "coordinator"];
        Assert.All(promised, name => Assert.NotNull(BuiltInRoles.Find(name)));
        Assert.All(BuiltInRoles.All, role => Assert.True(Role.IsName(role.Name) && !role.Permissions.IsEmpty));
    }

    [Fact]
    public void BuiltInRoles_AloneThePlatform_ReachesOtherTenants() => Assert.Equal(
        [BuiltInRoles.Platform],
        BuiltInRoles.All.Where(r => r.Permissions.Has(Permission.TenantsRead) || r.Permissions.Has(Permission.TenantsWrite)).Select(r => r.Name));
}
