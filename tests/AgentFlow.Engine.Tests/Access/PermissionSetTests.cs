using AgentFlow.Engine.Access;
using FsCheck;
using FsCheck.Fluent;

namespace AgentFlow.Engine.Tests.Access;

public class PermissionSetTests
{
    private static readonly string[] Words =
        [.. Permission.All.Select(p => p.Name), "network.*", "fs.*", "db.*", "runs.*", "access.*", "*", "k8s.pods", "k8s.pods.read", "k8s.jobs"];

    private static readonly string[] Needs = [.. Permission.All.Select(p => p.Name), "k8s.pods", "k8s.pods.read", "k8s.jobs", "k8s.other"];

    private static Gen<string[]> Grants => Gen.SubListOf(Words).Select(l => l.ToArray());

    /// <summary>The compiled set says what the words say.</summary>
    [Fact]
    public void Has_RandomGrants_AgreesWithTheWords() => Check(Grants, grants =>
    {
        PermissionSet set = PermissionSet.Parse(grants);
        return Needs.All(need => Has(set, need) == Grant.Covers(grants, need));
    });

    [Fact]
    public void UnionIntersectExcept_RandomSets_AreThoseOfTheirMembers() => Check(Grants.Two(), pair =>
    {
        (PermissionSet a, PermissionSet b) = (PermissionSet.Parse(pair.Item1), PermissionSet.Parse(pair.Item2));
        return Needs.All(n => Has(a.Union(b), n) == (Has(a, n) || Has(b, n)))
            && Needs.All(n => Has(a.Intersect(b), n) == (Has(a, n) && Has(b, n)))
            && a.Union(b).Contains(a) && a.Union(b).Contains(b)
            && a.Contains(a.Intersect(b)) && b.Contains(a.Intersect(b))
            && (!a.Contains(b) || Needs.All(n => !Has(b, n) || Has(a, n)))
            && (a.Contains(b) || !b.Except(a).IsEmpty);
    });

    [Fact]
    public void Names_RandomSet_ParseToTheSameSet() => Check(Grants, grants =>
    {
        PermissionSet set = PermissionSet.Parse(grants);
        return PermissionSet.Parse(set.Names).Equals(set) && set.Names.All(n => Grant.Problem(n) is null);
    });

    [Theory]
    [InlineData("runs.unknown")]
    [InlineData("runs")]
    [InlineData("")]
    [InlineData("none")]
    [InlineData("k8s.")]
    [InlineData(".*")]
    [InlineData("r*")]
    public void Parse_WhatIsNoPermission_GrantsNothing(string grant) => Assert.True(PermissionSet.Parse([grant]).IsEmpty);

    [Fact]
    public void HasTool_None_NeedsNoGrant() => Assert.True(PermissionSet.Empty.HasTool("none"));

    [Fact]
    public void HasTool_Unknown_IsNotGrantedByEverything() => Assert.False(PermissionSet.Everything.HasTool("moon.read"));

    [Fact]
    public void Everything_HasEachPermission() => Assert.All(Permission.All, p => Assert.True(PermissionSet.Everything.Has(p)));

    private static bool Has(PermissionSet set, string need) => Permission.Find(need) is { } known ? set.Has(known) : set.HasTool(need);

    private static void Check<T>(Gen<T> gen, Func<T, bool> holds) => Prop.ForAll(gen.ToArbitrary(), holds).QuickCheckThrowOnFailure();
}
