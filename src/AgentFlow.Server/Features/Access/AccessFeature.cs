using AgentFlow.Contracts.Errors;
using AgentFlow.Engine.Access;
using AgentFlow.Server.Features.Access.Quotas;
using AgentFlow.Server.Features.Docs;
using AgentFlow.Server.Features.Runs;
using AgentFlow.Server.Http;

namespace AgentFlow.Server.Features.Access;

/// <summary>The addresses under <c>/access</c>, and <c>/auth/whoami</c> and <c>/auth/password</c>.</summary>
internal static class AccessFeature
{
    private const string Tag = "Access";
    private const string Unchanged = "Unchanged since the ETag in `If-None-Match`.";

    private static readonly ParameterNote Once = new(IdempotencyKeys.Header, "string", "The same key with the same request creates nothing twice, for seven days; the answer then has `Idempotency-Replayed: true` and is without what is shown once.", "header");

    private static readonly ErrorCode[] Body = [ErrorCode.ValidationFailed, ErrorCode.JsonInvalid, ErrorCode.PayloadTooLarge, ErrorCode.UnsupportedMediaType];

    public static void MapAccess(this IEndpointRouteBuilder api, UserEndpoints users, RoleEndpoints roles, KeyEndpoints keys, TenantEndpoints tenants, QuotaEndpoints quotas)
    {
        api.MapGet("/auth/whoami", WhoAmIEndpoint.HandleAsync)
            .Says("whoAmI", Tag, "Who the server takes you for")
            .NeedsAnyCaller()
            .Gives<WhoAmIView>(200, "Name, roles and permissions.")
            .Fails();
        MapUsers(api, users);
        MapRoles(api, roles);
        MapKeys(api, keys);
        MapTenants(api, tenants);
        MapQuotas(api, quotas);
    }

    private static void MapUsers(IEndpointRouteBuilder api, UserEndpoints users)
    {
        ErrorCode[] change = [ErrorCode.UserNotFound, .. Body];
        api.MapPut("/auth/password", users.SetOwnPasswordAsync)
            .Audits("user.password", "user")
            .Says("setOwnPassword", Tag, "Change your password", "Ends every login of yours.")
            .NeedsAnyCaller()
            .TakesBody<OwnPasswordBody>(true).Gives(204, "Changed.").Fails([.. Body, ErrorCode.RateLimited]);
        api.MapPost("/access/users", users.CreateAsync)
            .Audits("user.create", "user")
            .Says("createUser", Tag, "Add a user", "Nobody gives a role that allows more than they may do themselves.")
            .Needs(Permission.AccessWrite)
            .Takes(Once).TakesBody<NewUserBody>(true).Gives<UserView>(201, "Added; `Location` names them.").Fails([ErrorCode.IdempotencyKeyReused, ErrorCode.UserExists, ErrorCode.RoleNotFound, .. Body, ErrorCode.RateLimited]);
        api.MapGet("/access/users", users.ListAsync)
            .AuditsRead("user.read", "user")
            .Says("listUsers", Tag, "List users by name")
            .Needs(Permission.AccessRead)
            .Takes(ParameterNote.Size, ParameterNote.Cursor).Gives<PageView<UserView>>(200, "Users.").Gives(304, Unchanged).Fails();
        api.MapGet("/access/users/{id}", users.GetAsync)
            .AuditsRead("user.read", "user")
            .Says("getUser", Tag, "Read a user", "`id` is the name.")
            .Needs(Permission.AccessRead)
            .Gives<UserView>(200, "The user.").Gives(304, Unchanged).Fails(ErrorCode.UserNotFound);
        api.MapPut("/access/users/{id}/roles", users.SetRolesAsync)
            .Audits("user.roles", "user")
            .Says("setUserRoles", Tag, "Replace a user's roles", "`id` is the name. Nobody changes a user who may do more than they themselves.")
            .Needs(Permission.AccessWrite)
            .TakesBody<RolesBody>(true).Gives<UserView>(200, "The user as they are now.").Fails([ErrorCode.RoleNotFound, .. change]);
        api.MapPut("/access/users/{id}/password", users.SetPasswordAsync)
            .Audits("user.password", "user")
            .Says("setUserPassword", Tag, "Give a user a new password", "`id` is the name. Ends every login of theirs.")
            .Needs(Permission.AccessWrite)
            .TakesBody<PasswordBody>(true).Gives(204, "Changed.").Fails([.. change, ErrorCode.RateLimited]);
        api.MapPost("/access/users/{id}/disable", users.DisableAsync)
            .Audits("user.disable", "user")
            .Says("disableUser", Tag, "Disable a user", "`id` is the name. The user's logins and API keys end within 30 seconds, open streams included.")
            .Needs(Permission.AccessWrite)
            .TakesBody<EmptyBody>(false).Gives<UserView>(200, "The user as they are now.").Fails(change);
        api.MapPost("/access/users/{id}/enable", users.EnableAsync)
            .Audits("user.enable", "user")
            .Says("enableUser", Tag, "Enable a user again", "`id` is the name. Their API keys work again; logins begin anew.")
            .Needs(Permission.AccessWrite)
            .TakesBody<EmptyBody>(false).Gives<UserView>(200, "The user as they are now.").Fails(change);
    }

    private static void MapRoles(IEndpointRouteBuilder api, RoleEndpoints roles)
    {
        api.MapGet("/access/roles", roles.ListAsync)
            .AuditsRead("role.read", "role")
            .Says("listRoles", Tag, "List roles by name", "Those that every tenant has, and the tenant's own.")
            .Needs(Permission.AccessRead)
            .Takes(ParameterNote.Size, ParameterNote.Cursor).Gives<PageView<RoleView>>(200, "Roles.").Gives(304, Unchanged).Fails();
        api.MapGet("/access/roles/{id}", roles.GetAsync)
            .AuditsRead("role.read", "role")
            .Says("getRole", Tag, "Read a role", "`id` is the name.")
            .Needs(Permission.AccessRead)
            .Gives<RoleView>(200, "The role.").Gives(304, Unchanged).Fails(ErrorCode.RoleNotFound);
        api.MapPut("/access/roles/{id}", roles.SaveAsync)
            .Audits("role.save", "role")
            .Says("saveRole", Tag, "Add or replace a role of the tenant's own", "`id` is the name. Its holders have what it says now within 30 seconds.")
            .Needs(Permission.AccessWrite)
            .TakesBody<RoleBody>(true).Gives<RoleView>(201, "Added.").Gives<RoleView>(200, "Replaced.").Fails([ErrorCode.RoleBuiltIn, .. Body]);
        api.MapDelete("/access/roles/{id}", roles.RemoveAsync)
            .Audits("role.remove", "role")
            .Says("removeRole", Tag, "Remove a role of the tenant's own", "`id` is the name. Its holders lose it.")
            .Needs(Permission.AccessWrite)
            .Gives(204, "Removed.").Fails(ErrorCode.RoleNotFound, ErrorCode.RoleBuiltIn);
    }

    private static void MapKeys(IEndpointRouteBuilder api, KeyEndpoints keys)
    {
        api.MapPost("/access/keys", keys.CreateAsync)
            .Audits("key.create", "key")
            .Says("createApiKey", Tag, "Make an API key", "The key is in the answer and is never shown again. It never allows more than its user at that time.")
            .Needs(Permission.KeysOwn)
            .Takes(Once).TakesBody<NewKeyBody>(true).Gives<CreatedKeyView>(201, "The key; `Location` names it.").Fails([ErrorCode.IdempotencyKeyReused, ErrorCode.UserNotFound, ErrorCode.RoleNotFound, .. Body]);
        api.MapGet("/access/keys", keys.ListAsync)
            .AuditsRead("key.read", "key")
            .Says("listApiKeys", Tag, "List API keys, newest first", "Your own; with the permission access.read, everybody's.")
            .Needs(Permission.KeysOwn)
            .Takes(ParameterNote.Size, ParameterNote.Cursor).Gives<PageView<KeyView>>(200, "Keys, without their secrets.").Gives(304, Unchanged).Fails();
        api.MapGet("/access/keys/{id}", keys.GetAsync)
            .AuditsRead("key.read", "key")
            .Says("getApiKey", Tag, "Read about an API key")
            .Needs(Permission.KeysOwn)
            .Gives<KeyView>(200, "The key, without its secret.").Gives(304, Unchanged).Fails(ErrorCode.ApiKeyNotFound);
        api.MapPost("/access/keys/{id}/disable", keys.DisableAsync)
            .Audits("key.disable", "key")
            .Says("disableApiKey", Tag, "End an API key", "For good, within 30 seconds, open streams included. Keys of others need the permission access.write.")
            .Needs(Permission.KeysOwn)
            .TakesBody<EmptyBody>(false).Gives<KeyView>(200, "The key as it is now.").Fails([ErrorCode.ApiKeyNotFound, .. Body]);
    }

    private static void MapTenants(IEndpointRouteBuilder api, TenantEndpoints tenants)
    {
        api.MapPost("/access/tenants", tenants.CreateAsync)
            .Audits("tenant.create", "tenant")
            .Says("createTenant", Tag, "Add a tenant with its first administrator", "The administrator's password is in the answer and is never shown again.")
            .Needs(Permission.TenantsWrite)
            .Takes(Once).TakesBody<NewTenantBody>(true).Gives<CreatedTenantView>(201, "Added; `Location` names it.").Fails([ErrorCode.IdempotencyKeyReused, ErrorCode.TenantExists, .. Body, ErrorCode.RateLimited]);
        api.MapGet("/access/tenants", tenants.ListAsync)
            .AuditsRead("tenant.read", "tenant")
            .Says("listTenants", Tag, "List tenants by name")
            .Needs(Permission.TenantsRead)
            .Takes(ParameterNote.Size, ParameterNote.Cursor).Gives<PageView<TenantView>>(200, "Tenants.").Gives(304, Unchanged).Fails();
        api.MapGet("/access/tenants/{id}", tenants.GetAsync)
            .AuditsRead("tenant.read", "tenant")
            .Says("getTenant", Tag, "Read about a tenant", "`id` is the name.")
            .Needs(Permission.TenantsRead)
            .Gives<TenantView>(200, "The tenant.").Gives(304, Unchanged).Fails(ErrorCode.TenantNotFound);
        api.MapPost("/access/tenants/{id}/disable", tenants.DisableAsync)
            .Audits("tenant.disable", "tenant")
            .Says("disableTenant", Tag, "Disable a tenant", "`id` is the name. Nobody of it gets in any more within 30 seconds; its runs go on.")
            .Needs(Permission.TenantsWrite)
            .TakesBody<EmptyBody>(false).Gives<TenantView>(200, "The tenant as it is now.").Fails([ErrorCode.TenantNotFound, .. Body]);
        api.MapPost("/access/tenants/{id}/enable", tenants.EnableAsync)
            .Audits("tenant.enable", "tenant")
            .Says("enableTenant", Tag, "Enable a tenant again", "`id` is the name.")
            .Needs(Permission.TenantsWrite)
            .TakesBody<EmptyBody>(false).Gives<TenantView>(200, "The tenant as it is now.").Fails([ErrorCode.TenantNotFound, .. Body]);
    }

    private static void MapQuotas(IEndpointRouteBuilder api, QuotaEndpoints quotas)
    {
        api.MapGet("/access/quotas", quotas.OwnAsync)
            .AuditsRead("tenant.read", "tenant")
            .Says("listQuotas", Tag, "Read what your tenant may have, and what it uses")
            .Needs(Permission.AccessRead)
            .Gives<QuotasView>(200, "The quotas.").Gives(304, Unchanged).Fails();
        api.MapGet("/access/tenants/{id}/quotas", quotas.GetAsync)
            .AuditsRead("tenant.read", "tenant")
            .Says("getTenantQuotas", Tag, "Read what a tenant may have, and what it uses", "`id` is the name.")
            .Needs(Permission.TenantsRead)
            .Gives<QuotasView>(200, "The quotas.").Gives(304, Unchanged).Fails(ErrorCode.TenantNotFound);
        api.MapPut("/access/tenants/{id}/quotas", quotas.SetAsync)
            .Audits("tenant.quota", "tenant")
            .Says("setTenantQuotas", Tag, "Set what a tenant may have", "`id` is the name. Holds at once here, and in other processes within 5 seconds. What the tenant has beyond it stays.")
            .Needs(Permission.TenantsWrite)
            .TakesBody<QuotasBody>(true).Gives<QuotasView>(200, "The quotas as they are now.").Fails([ErrorCode.TenantNotFound, .. Body]);
    }
}
