using AgentFlow.Contracts.Ids;
using AgentFlow.Engine.Access;

namespace AgentFlow.Storage.Tests.Compliance;

/// <summary>What every store of tenants, users, roles and keys promises.</summary>
public abstract class AccessStoreCompliance
{
    protected abstract IAccessStore Store { get; }

    private static Ulid Id(int n) => new(1_700_000_000_000 + n, 7, (ulong)n);

    private static UserAccount User(int n, string name, params string[] roles) => new(Id(n), name, "hash-" + n, roles, 1000 + n);

    private static ApiKey Key(int n, Ulid? owner = null, string[]? scopes = null, params string[] roles) =>
        new(Id(n), "key-" + n, new byte[] { 1, 2, (byte)n }, owner, roles, scopes, "user:x", 1000 + n, ExpiresAt: 5000);

    [Fact]
    public async Task AddTenant_Twice_IsThereOnce()
    {
        Assert.True(await Store.AddTenantAsync(new TenantAccount("b", "second", 2), default));
        Assert.True(await Store.AddTenantAsync(new TenantAccount("a", "first", 1), default));
        Assert.False(await Store.AddTenantAsync(new TenantAccount("a", "other", 3), default));
        Assert.Equal(new TenantAccount("a", "first", 1), await Store.FindTenantAsync("a", default));
        Assert.True(await Store.DisableTenantAsync("a", 9, default));
        Assert.Equal(9, (await Store.FindTenantAsync("a", default))!.DisabledAt);
        Assert.True(await Store.DisableTenantAsync("a", null, default));
        Assert.False(await Store.DisableTenantAsync("c", 9, default));
        AccessPage<TenantAccount> page = await Store.ListTenantsAsync(null, 1, default);
        Assert.Equal(("a", 2L, true), (page.Items.Single().Name, page.Total, page.HasMore));
        page = await Store.ListTenantsAsync("a", 1, default);
        Assert.Equal(("b", 2L, false), (page.Items.Single().Name, page.Total, page.HasMore));
    }

    [Fact]
    public async Task AddUser_WithRoles_IsFoundByIdAndName()
    {
        Assert.True(await Store.AddUserAsync("t1", User(1, "ann", "viewer", "approver"), default));
        UserAccount found = (await Store.FindUserAsync("t1", Id(1), default))!;
        Assert.Equal((Id(1), "ann", "hash-1", 1001L, null), (found.Id, found.Name, found.PasswordHash, found.CreatedAt, found.DisabledAt));
        Assert.Equal(["approver", "viewer"], found.Roles);
        Assert.Equal(Id(1), (await Store.FindUserAsync("t1", "ann", default))!.Id);
        Assert.Null(await Store.FindUserAsync("t1", "bob", default));
    }

    [Fact]
    public async Task AddUser_NameThatExists_ChangesNothing()
    {
        await Store.AddUserAsync("t1", User(1, "ann", "viewer"), default);
        Assert.False(await Store.AddUserAsync("t1", User(2, "ann", "admin"), default));
        Assert.Null(await Store.FindUserAsync("t1", Id(2), default));
        Assert.Equal(["viewer"], (await Store.FindUserAsync("t1", "ann", default))!.Roles);
        Assert.True(await Store.AddUserAsync("t2", User(2, "ann"), default));
    }

    [Fact]
    public async Task AddFirstUser_OfMany_OneSucceeds()
    {
        bool[] added = await Task.WhenAll(Enumerable.Range(1, 8).Select(n => Task.Run(async () => await Store.AddFirstUserAsync("t1", User(n, "admin" + n, "admin"), default))));
        Assert.Single(added, true);
        Assert.Equal(1, (await Store.ListUsersAsync("t1", null, 10, default)).Total);
        Assert.False(await Store.AddFirstUserAsync("t1", User(9, "other"), default));
        Assert.True(await Store.AddFirstUserAsync("t2", User(9, "other"), default));
    }

    [Fact]
    public async Task AddOnce_SameKeyAtOnce_AddsOne()
    {
        AccessRequest Request(string key, string resource, long at = 1000) => new(key, "hash", resource, at);
        AddOutcome[] outcomes = await Task.WhenAll(Enumerable.Range(1, 8).Select(i => Task.Run(async () => await Store.AddUserOnceAsync("t1", User(i, $"user-{i}", "viewer"), Request("k", $"{Id(i)}"), default))));
        Assert.Single(outcomes, AddOutcome.Added);
        Assert.Equal(7, outcomes.Count(o => o == AddOutcome.Repeated));
        UserAccount user = Assert.Single((await Store.ListUsersAsync("t1", null, 10, default)).Items);
        Assert.Equal(["viewer"], user.Roles);
        AccessRequest known = (await Store.FindRequestAsync("t1", "k", default))!;
        Assert.Equal(($"{user.Id}", "hash"), (known.Resource, known.Hash));
        Assert.Null(await Store.FindRequestAsync("t2", "k", default));

        // What was refused is not remembered: the key is good for another try.
        Assert.Equal(AddOutcome.Exists, await Store.AddUserOnceAsync("t1", User(9, user.Name), Request("other", "x"), default));
        Assert.Null(await Store.FindRequestAsync("t1", "other", default));
        Assert.Equal(AddOutcome.Added, await Store.AddUserOnceAsync("t2", User(9, user.Name), Request("k", "x"), default));

        Assert.Equal(AddOutcome.Added, await Store.AddTenantOnceAsync("t1", new TenantAccount("acme", "", 1), User(20, "boss", "admin"), Request("tenant", "acme/20"), default));
        Assert.Equal(AddOutcome.Repeated, await Store.AddTenantOnceAsync("t1", new TenantAccount("acme", "", 1), User(21, "boss", "admin"), Request("tenant", "acme/21"), default));
        Assert.Equal(AddOutcome.Exists, await Store.AddTenantOnceAsync("t1", new TenantAccount("acme", "", 1), User(21, "boss", "admin"), Request("again", "acme/21"), default));
        Assert.Equal(Id(20), (await Store.FindUserAsync("acme", "boss", default))!.Id);
        Assert.Equal(AddOutcome.Added, await Store.AddTenantOnceAsync("t1", new TenantAccount("t2", "", 1), User(22, "late", "admin"), Request("t2", "t2/22"), default));
        Assert.Null(await Store.FindUserAsync("t2", Id(22), default));

        // A week later the key is nobody's.
        long later = 1001 + (long)AccessRequest.RememberedFor.TotalMilliseconds;
        Assert.Equal(AddOutcome.Added, await Store.AddUserOnceAsync("t1", User(30, "next-week"), Request("k", "y", later), default));
    }

    [Fact]
    public async Task ChangeUser_PasswordRolesAndState_AreThoseThatWereSetLast()
    {
        await Store.AddUserAsync("t1", User(1, "ann", "viewer"), default);
        Assert.False(await Store.SetPasswordAsync("t1", Id(1), "new", "not this", default));
        Assert.True(await Store.SetPasswordAsync("t1", Id(1), "new", "hash-1", default));
        Assert.True(await Store.SetPasswordAsync("t1", Id(1), "newer", null, default));
        Assert.True(await Store.SetUserRolesAsync("t1", Id(1), ["tester", "auditor"], default));
        Assert.True(await Store.DisableUserAsync("t1", Id(1), 7, default));
        UserAccount ann = (await Store.FindUserAsync("t1", "ann", default))!;
        Assert.Equal(("newer", 7L), (ann.PasswordHash, ann.DisabledAt));
        Assert.Equal(["auditor", "tester"], ann.Roles);
        await Store.DisableUserAsync("t1", Id(1), null, default);
        await Store.SetUserRolesAsync("t1", Id(1), [], default);
        ann = (await Store.FindUserAsync("t1", "ann", default))!;
        Assert.Null(ann.DisabledAt);
        Assert.Empty(ann.Roles);
    }

    [Fact]
    public async Task ListUsers_Pages_AreByName()
    {
        await Store.AddUserAsync("t1", User(1, "carl"), default);
        await Store.AddUserAsync("t1", User(2, "ann", "viewer"), default);
        await Store.AddUserAsync("t1", User(3, "bob"), default);
        await Store.AddUserAsync("t2", User(4, "dora"), default);
        AccessPage<UserAccount> first = await Store.ListUsersAsync("t1", null, 2, default);
        Assert.Equal(["ann", "bob"], first.Items.Select(u => u.Name));
        Assert.Equal((3L, true), (first.Total, first.HasMore));
        Assert.Equal(["viewer"], first.Items[0].Roles);
        AccessPage<UserAccount> second = await Store.ListUsersAsync("t1", "bob", 2, default);
        Assert.Equal(["carl"], second.Items.Select(u => u.Name));
        Assert.False(second.HasMore);
    }

    [Fact]
    public async Task SaveRole_WithEverything_IsReadAsItWas()
    {
        var role = new Role("support", "about", PermissionSet.Parse(["workflows.execute", "network.*", "k8s.pods.read"]))
        {
            AllowedTools = new NamePatterns(["skill.echo", "crm.*"]),
            Policies = new RolePolicies { Workflows = new NamePatterns(["support*"]), MaxRunNanoDollars = 50_000_000 },
        };
        Assert.True(await Store.SaveRoleAsync("t1", role, default));
        Role read = (await Store.ListRolesAsync("t1", default)).Single();
        Assert.Equal(("support", "about", role.Permissions), (read.Name, read.Description, read.Permissions));
        Assert.Equal(["crm.*", "skill.echo"], read.AllowedTools!.Patterns);
        Assert.Equal((50_000_000L, "support*"), (read.Policies.MaxRunNanoDollars, read.Policies.Workflows!.Patterns.Single()));

        Assert.False(await Store.SaveRoleAsync("t1", new Role("support", "", PermissionSet.Empty) { AllowedTools = new NamePatterns([]) }, default));
        read = (await Store.ListRolesAsync("t1", default)).Single();
        Assert.True(read.Permissions.IsEmpty && read.Policies.MaxRunNanoDollars is null && read.Policies.Workflows is null);
        Assert.Empty(read.AllowedTools!.Patterns);
    }

    [Fact]
    public async Task RemoveRole_TakesItFromItsHolders()
    {
        await Store.SaveRoleAsync("t1", new Role("support", "", PermissionSet.Everything), default);
        await Store.AddUserAsync("t1", User(1, "ann", "support", "viewer"), default);
        await Store.AddUserAsync("t2", User(2, "bob", "support"), default);
        Assert.True(await Store.RemoveRoleAsync("t1", "support", default));
        Assert.False(await Store.RemoveRoleAsync("t1", "support", default));
        Assert.Empty(await Store.ListRolesAsync("t1", default));
        Assert.Equal(["viewer"], (await Store.FindUserAsync("t1", "ann", default))!.Roles);
        Assert.Equal(["support"], (await Store.FindUserAsync("t2", "bob", default))!.Roles);
    }

    [Fact]
    public async Task AddKey_IsReadAsItWasAndEndsOnce()
    {
        ApiKey key = Key(1, Id(9), ["runs.read", "runs.*"], "viewer");
        await Store.AddKeyAsync("t1", key, default);
        await Store.AddKeyAsync("t1", Key(2) with { ExpiresAt = null }, default);
        ApiKey read = (await Store.FindKeyAsync("t1", Id(1), default))!;
        Assert.Equal((key.Name, key.Owner, key.CreatedBy, key.CreatedAt, key.ExpiresAt, key.DisabledAt), (read.Name, read.Owner, read.CreatedBy, read.CreatedAt, read.ExpiresAt, read.DisabledAt));
        Assert.Equal(key.SecretHash.ToArray(), read.SecretHash.ToArray());
        Assert.Equal(key.Scopes, read.Scopes);
        Assert.Equal(key.Roles, read.Roles);
        ApiKey plain = (await Store.FindKeyAsync("t1", Id(2), default))!;
        Assert.True(plain.Owner is null && plain.Scopes is null && plain.ExpiresAt is null && plain.Roles.Count == 0);

        Assert.True(read.IsUsable(4999) && !read.IsUsable(5000));
        Assert.True(await Store.DisableKeyAsync("t1", Id(1), 77, default));
        Assert.False(await Store.DisableKeyAsync("t1", Id(1), 78, default));
        read = (await Store.FindKeyAsync("t1", Id(1), default))!;
        Assert.Equal(77, read.DisabledAt);
        Assert.False(read.IsUsable(1));
    }

    [Fact]
    public async Task ListKeys_NewestFirst_ByOwner()
    {
        for (int n = 1; n <= 3; n++)
        {
            await Store.AddKeyAsync("t1", Key(n, n == 2 ? null : Id(9)), default);
        }

        AccessPage<ApiKey> page = await Store.ListKeysAsync("t1", null, null, 2, default);
        Assert.Equal([Id(3), Id(2)], page.Items.Select(k => k.Id));
        Assert.Equal((3L, true), (page.Total, page.HasMore));
        Assert.Equal([Id(1)], (await Store.ListKeysAsync("t1", null, Id(2), 2, default)).Items.Select(k => k.Id));
        page = await Store.ListKeysAsync("t1", Id(9), null, 5, default);
        Assert.Equal([Id(3), Id(1)], page.Items.Select(k => k.Id));
        Assert.Equal(2, page.Total);
    }

    /// <summary>Every method that takes a tenant, with the ids of another one: as if they did not exist.</summary>
    [Fact]
    public async Task EveryMethod_OtherTenantsIds_FindAndChangeNothing()
    {
        await Store.AddUserAsync("t1", User(1, "ann", "viewer"), default);
        await Store.AddKeyAsync("t1", Key(2, Id(1)), default);
        await Store.SaveRoleAsync("t1", new Role("support", "", PermissionSet.Everything), default);

        Assert.Null(await Store.FindUserAsync("t2", Id(1), default));
        Assert.Null(await Store.FindUserAsync("t2", "ann", default));
        Assert.Empty((await Store.ListUsersAsync("t2", null, 10, default)).Items);
        Assert.Equal(0, (await Store.ListUsersAsync("t2", null, 10, default)).Total);
        Assert.False(await Store.SetPasswordAsync("t2", Id(1), "stolen", null, default));
        Assert.False(await Store.DisableUserAsync("t2", Id(1), 1, default));
        Assert.False(await Store.SetUserRolesAsync("t2", Id(1), ["admin"], default));
        Assert.Empty(await Store.ListRolesAsync("t2", default));
        Assert.False(await Store.RemoveRoleAsync("t2", "support", default));
        Assert.Null(await Store.FindKeyAsync("t2", Id(2), default));
        Assert.Empty((await Store.ListKeysAsync("t2", Id(1), null, 10, default)).Items);
        Assert.False(await Store.DisableKeyAsync("t2", Id(2), 1, default));

        UserAccount ann = (await Store.FindUserAsync("t1", Id(1), default))!;
        Assert.Equal(("hash-1", null), (ann.PasswordHash, ann.DisabledAt));
        Assert.Equal(["viewer"], ann.Roles);
        Assert.Null((await Store.FindKeyAsync("t1", Id(2), default))!.DisabledAt);
    }
}
